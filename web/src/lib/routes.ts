/** Which view a path names, and which path names a view. Pure; the browser's history is in `place`. */

export type Route =
  | { view: 'overview' }
  | { view: 'machines' }
  | { view: 'machine'; host: string }
  | { view: 'alerts' }
  | { view: 'alert'; id: string }
  | { view: 'silences' }
  | { view: 'rules' }
  | { view: 'collection' }
  | { view: 'fetches' }
  | { view: 'dashboards' }
  | { view: 'dashboard'; name: string }
  | { view: 'explore' }
  | { view: 'welcome' }
  | { view: 'unknown'; path: string };

export function parse(path: string): Route {
  const parts = path.split('/').filter(Boolean).map(decoded);
  const [first = '', second] = parts;
  if (parts.length > 2) return { view: 'unknown', path };
  if (second === undefined) {
    switch (first) {
      case '':
        return { view: 'overview' };
      case 'machines':
      case 'alerts':
      case 'silences':
      case 'rules':
      case 'collection':
      case 'fetches':
      case 'dashboards':
      case 'explore':
      case 'welcome':
        return { view: first };
    }
  } else if (first === 'machines') return { view: 'machine', host: second };
  else if (first === 'alerts') return { view: 'alert', id: second };
  else if (first === 'dashboards') return { view: 'dashboard', name: second };
  return { view: 'unknown', path };
}

export const to = {
  overview: '/',
  machines: '/machines',
  machine: (host: string, query: Record<string, string> = {}) =>
    withQuery(`/machines/${encodeURIComponent(host)}`, query),
  alerts: (query: Record<string, string> = {}) => withQuery('/alerts', query),
  silences: '/silences',
  setting: (query: Record<string, string>) => withQuery('/silences', query),
  rules: (query: Record<string, string> = {}) => withQuery('/rules', query),
  alert: (id: string) => `/alerts/${encodeURIComponent(id)}`,
  collection: '/collection',
  fetches: (query: Record<string, string> = {}) => withQuery('/fetches', query),
  dashboards: '/dashboards',
  dashboard: (name: string) => `/dashboards/${encodeURIComponent(name)}`,
  explore: (query: Record<string, string> = {}) => withQuery('/explore', query),
};

/** What becomes of a key of the query: one value, several, or none (null, '' and an empty list). */
export type Changes = Record<string, string | readonly string[] | null>;

/** Return the query after `changes`. */
export function changed(query: URLSearchParams, changes: Changes): URLSearchParams {
  const next = new URLSearchParams(query);
  for (const [key, value] of Object.entries(changes)) {
    next.delete(key);
    for (const one of typeof value === 'string' ? [value] : (value ?? [])) if (one !== '') next.append(key, one);
  }
  return next;
}

function withQuery(path: string, query: Record<string, string>): string {
  const params = changed(new URLSearchParams(), query).toString();
  return params ? `${path}?${params}` : path;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

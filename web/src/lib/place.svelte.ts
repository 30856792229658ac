/** Where the viewer is: the address bar as state. Links are plain `<a href>`; clicks on ours stay in the page. */

import { changed, parse, type Changes, type Route } from './routes';

class Place {
  route: Route = $state.raw(parse(location.pathname));
  query = $state.raw(new URLSearchParams(location.search));

  /** Go to an address of ours; the browser's back button comes back here. */
  go(href: string): void {
    const url = new URL(href, location.origin);
    const samePath = url.pathname === location.pathname;
    if (url.href !== location.href) history.pushState(null, '', url);
    this.#read();
    if (!samePath) arrive();
  }

  /** Change the query of the address; `replace` for what is typed letter by letter. */
  set(changes: Changes, { replace = false } = {}): void {
    const search = changed(this.query, changes).toString();
    const href = location.pathname + (search ? `?${search}` : '') + location.hash;
    if (href === location.pathname + location.search + location.hash) return;
    if (replace) history.replaceState(history.state, '', href);
    else history.pushState(null, '', href);
    this.#read();
  }

  get(key: string): string {
    return this.query.get(key) ?? '';
  }

  all(key: string): string[] {
    return this.query.getAll(key);
  }

  listen(): () => void {
    const back = () => this.#read();
    const click = (event: MouseEvent) => {
      const href = ownLink(event);
      if (href === null) return;
      event.preventDefault();
      this.go(href);
    };
    addEventListener('popstate', back);
    document.addEventListener('click', click);
    return () => {
      removeEventListener('popstate', back);
      document.removeEventListener('click', click);
    };
  }

  #read(): void {
    this.route = parse(location.pathname);
    this.query = new URLSearchParams(location.search);
  }
}

function ownLink(event: MouseEvent): string | null {
  if (event.defaultPrevented || event.button !== 0) return null;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return null;
  const link = (event.target as Element | null)?.closest?.('a[href]');
  if (!(link instanceof HTMLAnchorElement) || link.origin !== location.origin) return null;
  if (link.target || link.hasAttribute('download') || link.getAttribute('href')!.startsWith('#')) return null;
  if (link.pathname.startsWith('/api/')) return null;
  return link.href;
}

function arrive(): void {
  scrollTo(0, 0);
  document.getElementById('main')?.focus({ preventScroll: true });
}

export const place = new Place();

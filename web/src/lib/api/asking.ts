/** How the server is asked, and how it refuses. */

import type { Reason } from './words';

/** The server (or the network on the way to it) did not do what was asked. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly what: string,
    readonly where = '',
    readonly todo = '',
    readonly retryAfterSeconds: number | null = null,
    /** What `what` says, for saying it in another language; null where nobody has worded it. */
    readonly reason: Reason | null = null,
  ) {
    super(what);
  }
}

/** What is asked for; what is empty is left out. */
export type Query = Record<string, string | number | null | undefined>;

let signedOut: () => void = () => {};

/** `listener` is called whenever the server says that there is no session (any longer). */
export function onSignedOut(listener: () => void): void {
  signedOut = listener;
}

/** Return the path with a query. */
export function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '');
  if (given.length === 0) return path;
  return `${path}?${new URLSearchParams(given.map(([key, value]) => [key, String(value)]))}`;
}

/** Ask the server. Throws Refusal where it does not do what was asked. */
export async function ask<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const init: RequestInit = { method, credentials: 'same-origin', headers: { Accept: 'application/json' } };
  if (signal) init.signal = signal;
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...init.headers, 'Content-Type': 'application/json' };
  }
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refusal(0, '', path);
  }
  if (response.ok) return (response.status === 204 ? undefined : await response.json()) as T;
  if (response.status === 401 && !(method === 'POST' && path === '/api/session')) signedOut();
  throw await refusalOf(response, path);
}

async function refusalOf(response: Response, path: string): Promise<Refusal> {
  const wait = response.headers.get('Retry-After');
  const seconds = wait && /^\d+$/.test(wait) ? Number(wait) : null;
  const { what, where, todo, reason } = said(await response.json().catch(() => null));
  return new Refusal(
    response.status,
    what || `HTTP ${response.status}`,
    where || path.replace(/\?.*/s, ''),
    todo,
    seconds,
    reason,
  );
}

/** Our own form of an error is an object; Prometheus's, and that of `/collect`, is a sentence. */
function said(body: unknown): { what: string; where: string; todo: string; reason: Reason | null } {
  const error = (body as { error?: unknown } | null)?.error;
  if (typeof error === 'string') return { what: error, where: '', todo: '', reason: null };
  const parts = (error ?? {}) as Partial<Record<'what' | 'where' | 'todo', string> & { reason: Reason }>;
  return { what: parts.what ?? '', where: parts.where ?? '', todo: parts.todo ?? '', reason: parts.reason ?? null };
}

/** What the server streams while somebody looks: one EventSource, only the topics on the screen. */

import { api, type Alert, type Fetch, type HostDetail, type Overview, type Standing, type Tally } from './api';
import { begin, isStale, step, type Link, type Signal } from './link';

class Live {
  #ahead = 0;
  link: Link = $state.raw(begin(Date.now()));
  /** The server's clock, as far as we know; moves once a second. */
  now = $state(Date.now());
  overview: Overview | null = $state.raw(null);
  host: HostDetail | null = $state.raw(null);
  /** How many alerts are open; null until it is known. */
  tally: Tally | null = $state.raw(null);
  /** The open alerts about pipelines. */
  aboutPipelines: Alert[] = $state.raw([]);
  /** The page of open alerts that is streamed, and the query that asked for it. */
  standing: { asked: string; standing: Standing } | null = $state.raw(null);
  lastAlert: Alert | null = $state.raw(null);
  lastFetch: Fetch | null = $state.raw(null);
  /** Counts connections after a loss: whoever asked over plain HTTP asks again when it grows, which fills the gap. */
  returns = $state(0);

  readonly stale = $derived(isStale(this.link, this.now - this.#ahead));

  #topics = new Map<string, number>();
  #source: EventSource | null = null;
  #timer: ReturnType<typeof setInterval> | null = null;
  #reopening = false;
  #wasLost = false;
  #onFailure: () => void = () => {};

  /** Begin to stream; `onFailure` is called when the server refuses the stream (perhaps the session is over). */
  start(onFailure: () => void): () => void {
    this.#onFailure = onFailure;
    this.link = begin(Date.now());
    this.#timer = setInterval(() => this.#beat(), 1000);
    this.#open();
    return () => this.#stop();
  }

  /** Stream `topic` until the returned function is called. */
  watch(topic: string): () => void {
    this.#topics.set(topic, (this.#topics.get(topic) ?? 0) + 1);
    if (this.#topics.get(topic) === 1) this.#reopen();
    return () => {
      const left = (this.#topics.get(topic) ?? 1) - 1;
      if (left > 0) this.#topics.set(topic, left);
      else {
        this.#topics.delete(topic);
        this.#reopen();
      }
    };
  }

  /** Forget what was streamed to somebody who has signed out. */
  forget(): void {
    this.overview = this.host = this.tally = this.standing = this.lastAlert = this.lastFetch = null;
    this.aboutPipelines = [];
  }

  // A change of view stops one topic and starts another: one reopening for both.
  #reopen(): void {
    if (this.#reopening || !this.#timer) return;
    this.#reopening = true;
    queueMicrotask(() => {
      this.#reopening = false;
      if (this.#timer && this.link.phase !== 'lost') this.#open();
    });
  }

  #open(): void {
    this.#source?.close();
    const source = new EventSource(api.streamUrl([...this.#topics.keys()].sort()));
    this.#source = source;
    const on = <T>(event: string, take: (data: T) => void) =>
      source.addEventListener(event, (message) => {
        if (this.#source !== source) return;
        if (this.#wasLost) this.returns += 1;
        this.#wasLost = false;
        this.#signal('heard');
        take(JSON.parse((message as MessageEvent<string>).data) as T);
      });
    on<{ at: number }>('tick', ({ at }) => this.#hear(at));
    on<Overview>('overview', (overview) => {
      this.overview = overview;
      this.tally = overview.tally;
    });
    on<{ tally: Tally; pipelines: Alert[] }>('tally', ({ tally, pipelines }) => {
      this.tally = tally;
      this.aboutPipelines = pipelines;
    });
    on<{ asked: string; standing: Standing }>('standing', (standing) => (this.standing = standing));
    on<HostDetail>('host', (host) => (this.host = host));
    on<Fetch>('fetch', (fetch) => (this.lastFetch = fetch));
    on<Alert>('alert', (alert) => (this.lastAlert = alert));
    source.onerror = () => {
      if (this.#source !== source) return;
      source.close();
      this.#signal('failed');
      this.#onFailure();
    };
  }

  #hear(at: number): void {
    this.#ahead = at - Date.now();
    this.now = at;
  }

  #beat(): void {
    this.now = Date.now() + this.#ahead;
    const before = this.link.phase;
    this.#signal('passed');
    if (before === 'live' && this.link.phase === 'lost') this.#source?.close();
    if (before === 'connecting' && this.link.phase === 'lost') this.#source?.close();
    if (before === 'lost' && this.link.phase === 'connecting') this.#open();
  }

  #signal(signal: Signal): void {
    const next = step(this.link, signal, Date.now());
    if (next.phase === 'lost') this.#wasLost = true;
    if (next !== this.link) this.link = next;
  }

  #stop(): void {
    this.#source?.close();
    this.#source = null;
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }
}

export const live = new Live();

/** Alerts: what stands open, what was, and the story of each. */

import { ask, withQuery, type Query } from './asking';
import type { AlertUnit, Bilingual, Reason, Severity } from './words';

export type AlertState =
  'pending' | 'firing' | 'recovering' | 'resolved' | 'no_data' | 'error' | 'insufficient' | 'unknown';

export interface Told {
  receiver: string;
  reason: string;
  state: 'waiting' | 'sent' | 'failed';
  tries: number;
  at: number | null;
  error: string;
}

export interface Alert {
  id: string;
  rule: string;
  labels: Record<string, string>;
  host: string | null;
  severity: Severity;
  state: AlertState;
  since: number;
  fired_at: number | null;
  ended_at: number | null;
  ended_because: string | null;
  value: number | null;
  peak: number | null;
  operator: string;
  threshold: number | null;
  unit: AlertUnit;
  summary: Bilingual;
  query: string;
  /** `rule`, or the door by which another program told it. */
  source: string;
  /** The condition in a sentence; empty where it is not known. */
  cause: Partial<Bilingual>;
  /** What keeps it from being told now. */
  muted: string[];
  was_muted: string;
  /** Where its threshold comes from, when that is not the rule itself. */
  threshold_from: string;
  acknowledged: Acknowledged | null;
  told: Told[];
}

/** How many open alerts have which standing; `acknowledged` and `muted` are among them. */
export interface Tally {
  critical: number;
  warning: number;
  unknown: number;
  info: number;
  pending: number;
  recovering: number;
  acknowledged: number;
  muted: number;
}

/** The open alerts of one rule in a line; `since` is when the oldest of the worst began. */
export interface OfRule {
  rule: string;
  tally: Tally;
  since: number;
}

/** The open alerts about one host; `host` is empty for those about none. */
export interface OnHost {
  host: string;
  tally: Tally;
  since: number;
}

/** Counts of all open alerts that a filter lets through, the worst rules, and one page of alerts. */
export interface Standing {
  total: number;
  /** By standing, whichever standing the filter asks for. */
  tally: Tally;
  rules: OfRule[];
  more_rules: number;
  alerts: Alert[];
  /** How many stand before these. */
  before: number;
  /** The cursor of the page after; empty at the end. */
  next: string;
  /** Where alerts are asked for by host: one page of hosts, to which `before` and `next` belong; `alerts` are the worst few of each. */
  hosts: OnHost[];
  /** How many hosts stand after these. */
  more_hosts: number;
}

/** The open alerts that matchers match. */
export interface Matched {
  open: number;
  rules: Record<string, number>;
  more_rules: number;
}

export interface Acknowledged {
  who: string;
  at: number;
  why: string;
  until: number | null;
}

export interface Transition {
  at: number;
  kind: 'transition';
  before: string;
  after: string;
  severity: Severity | null;
  value: number | null;
  because: string;
  /** What `because` says, for saying it in another language; null where it is what people wrote. */
  reason: Reason | null;
}

export interface Attempt {
  at: number;
  kind: 'attempt';
  receiver: string;
  reason: string;
  outcome: 'sent' | 'later' | 'failed';
  status: number | null;
  latency_ms: number | null;
  error: string;
}

export interface AlertStory extends Alert {
  annotations: Record<string, string>;
  story: (Transition | Attempt)[];
  for_seconds: number;
  deeds: Deed[];
  /** Oldest first. */
  mutings: Muted[];
}

/** How many alerts began to fire in an hour that began then. */
export interface AlertHour {
  at: number;
  fired: number;
}

/** For how long nobody evaluated rules in an hour that began then. */
export interface UnjudgedHour {
  at: number;
  seconds: number;
}

/** A stretch in which nobody was told of an alert, or, with `receiver`, that one was not. */
export interface Muted {
  what: 'silenced' | 'maintenance' | 'inhibited' | 'mute window' | 'flapping';
  /** The silence, the window, or the alert that speaks for it. */
  name: string;
  who: string;
  why: string;
  receiver: string;
  from: number;
  /** Null while it lasts. */
  to: number | null;
  /** When it was meant to end. */
  until: number | null;
}

/** What was done about an alert without asking anybody. */
export interface Deed {
  id: number;
  action: string;
  target: string;
  because: string;
  /** What `because` says, for saying it in another language; null of what was decided before it was kept. */
  reason: Reason | null;
  dry: boolean;
  state: 'waiting' | 'running' | 'done' | 'failed' | 'dry';
  result: string;
  /** What `result` says, for saying it in another language; null of what a program or another service said. */
  result_reason: Reason | null;
  decided_at: number;
  ended_at: number | null;
}

export const alerts = {
  episodes: (query: Query, signal?: AbortSignal) =>
    ask<{ episodes: Alert[]; next: string }>('GET', withQuery('/api/v1/episodes', query), undefined, signal),
  episode: (id: string, signal?: AbortSignal) =>
    ask<AlertStory>('GET', `/api/v1/episodes/${encodeURIComponent(id)}`, undefined, signal),
  acknowledge: (episodes: readonly string[], why: string) =>
    ask<{ acknowledged: string[] }>('POST', '/api/v1/acknowledgements', { episodes, why }),
  acknowledgeMatching: (matchers: string, why: string) =>
    ask<{ count: number }>('POST', '/api/v1/acknowledgements', { matchers, why }),
  standing: (query: string, signal?: AbortSignal) =>
    ask<Standing>('GET', `/api/v1/standing?${query}`, undefined, signal),
  matched: (matchers: string, signal?: AbortSignal) =>
    ask<Matched>('GET', withQuery('/api/v1/standing/matched', { matchers }), undefined, signal),
  giveBack: (episode: string) => ask<void>('DELETE', `/api/v1/acknowledgements/${encodeURIComponent(episode)}`),
  alertHours: async (query: Query, signal?: AbortSignal) =>
    (await ask<{ by_hour: AlertHour[] }>('GET', withQuery('/api/v1/statistics/alerts', query), undefined, signal))
      .by_hour,
  unjudgedHours: async (query: Query, signal?: AbortSignal) =>
    (await ask<{ hours: UnjudgedHour[] }>('GET', withQuery('/api/v1/statistics/unjudged', query), undefined, signal))
      .hours,
  exceedancesUrl: (query: Query) => withQuery('/api/v1/exceedances', query),
};

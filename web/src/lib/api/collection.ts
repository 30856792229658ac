/** Pipelines and their fetches. */

import { ask, withQuery, type Query } from './asking';
import type { Bilingual, Outcome } from './words';

export interface Fetch {
  id: string;
  at: number;
  pipeline: string;
  source: string;
  url: string;
  outcome: Outcome;
  status: number | null;
  bytes: number | null;
  rows: number | null;
  latency_ms: number | null;
  attempt: number;
  trigger: string;
  error: string;
}

export interface RecentFetch {
  at: number;
  outcome: Outcome;
  latency_ms: number | null;
}

export interface Paused {
  by: string;
  why: string;
  since: number;
  /** Null: until somebody has it go on. */
  until: number | null;
}

export interface Pipeline {
  name: string;
  title: Bilingual;
  on: boolean;
  off_because: Bilingual | null;
  paused: Paused | null;
  schedule: string;
  next_at: number | null;
  url: string;
  running: boolean;
  last: Fetch | null;
  fail_rate: { failed: number; total: number; window_seconds: number };
  latency_p95_ms: number | null;
  recent: RecentFetch[];
  /** The receivers that are told how a run ended. */
  on_success: string | null;
  on_failure: string | null;
}

export interface CollectAnswer {
  outcome: Outcome;
  at: number;
  rows: number | null;
  latency_ms: number | null;
  status: number | null;
  error: string;
  run: string;
}

export const collection = {
  fetches: (query: Query, signal?: AbortSignal) =>
    ask<{ fetches: Fetch[]; next: string }>('GET', withQuery('/api/v1/fetches', query), undefined, signal),
  pipelines: (signal?: AbortSignal) => ask<{ pipelines: Pipeline[] }>('GET', '/api/v1/pipelines', undefined, signal),
  collect: (pipeline: string, anyway = false) =>
    ask<CollectAnswer>('POST', withQuery('/collect', { pipeline, anyway: anyway ? 'true' : null })),
  pause: (pipeline: string, why: string, until: string | null) =>
    ask<void>('PUT', `/api/v1/pipelines/${encodeURIComponent(pipeline)}/pause`, { why, until }),
  resume: (pipeline: string) => ask<void>('DELETE', `/api/v1/pipelines/${encodeURIComponent(pipeline)}/pause`),
};

/** Silences, and who is told what and when. */

import { ask, withQuery, type Query } from './asking';
import type { Between } from './words';

export interface Silence {
  id: string;
  matchers: string;
  starts_at: number;
  ends_at: number;
  comment: string;
  created_by: string;
  created_at: number;
  updated_at: number;
  state: 'pending' | 'active' | 'expired';
}

export interface SilenceAsked {
  matchers: string;
  ends_at: string;
  comment: string;
}

export interface Telling {
  receivers: { name: string; type: string }[];
  windows: { name: string; zone: string; match: string; holds: boolean; stretches: Between[] }[];
  duty: {
    name: string;
    zone: string;
    now: string | null;
    turns: (Between & { person: string; receiver: string })[];
  }[];
  escalations: { name: string; steps: { after: string; receiver: string | null; duty: string | null }[] }[];
  inhibit: { source: string; target: string; equal: string[] }[];
  from: number;
  to: number;
}

export interface Tested {
  key: string;
  state: 'sent' | 'failed' | 'waiting';
  tries: number;
  error: string;
}

export const telling = {
  silences: async (query: Query, signal?: AbortSignal) => {
    const answer = await ask<{ silences: Silence[] }>('GET', withQuery('/api/v1/silences', query), undefined, signal);
    return answer.silences;
  },
  silence: (asked: SilenceAsked) => ask<Silence>('POST', '/api/v1/silences', asked),
  endSilence: (id: string) => ask<Silence>('DELETE', `/api/v1/silences/${encodeURIComponent(id)}`),
  telling: (signal?: AbortSignal) => ask<Telling>('GET', '/api/v1/telling', undefined, signal),
  testReceiver: (name: string) => ask<Tested>('POST', `/api/v1/receivers/${encodeURIComponent(name)}/test`),
};

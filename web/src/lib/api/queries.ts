/** PromQL asked of the server. */

import { pointsOf, type InstantData } from '../panels';
import { ask, withQuery } from './asking';

export interface Series {
  metric: Record<string, string>;
  values: [number, string][];
}

export const queries = {
  queryRange: async (query: string, start: number, end: number, step: number, signal?: AbortSignal) => {
    const path = withQuery('/api/v1/query_range', { query, start, end, step });
    const answer = await ask<{ data: { result: Series[] } }>('GET', path, undefined, signal);
    return answer.data.result;
  },
  query: async (query: string, time: number, signal?: AbortSignal) => {
    const answer = await ask<{ data: InstantData }>(
      'GET',
      withQuery('/api/v1/query', { query, time }),
      undefined,
      signal,
    );
    return pointsOf(answer.data);
  },
  labelValues: async (label: string, match: string, start: number | null, end: number | null, signal?: AbortSignal) => {
    const path = `/api/v1/label/${encodeURIComponent(label)}/values`;
    const answer = await ask<{ data: string[] }>(
      'GET',
      withQuery(path, { 'match[]': match, start, end }),
      undefined,
      signal,
    );
    return answer.data;
  },
};

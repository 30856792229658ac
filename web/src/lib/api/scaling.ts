/** Sizes, and who holds them. */

import { ask, withQuery } from './asking';

/** A size to stay at, or the direction in which nothing is scaled meanwhile. */
export interface Hold {
  id: number;
  size: number | null;
  stop: 'in' | 'out' | null;
  starts_at: number;
  ends_at: number;
  by: string;
  why: string;
}

export interface Scaler {
  scaler: string;
  hold: Hold | null;
  planned: Hold[];
}

export const scaling = {
  scalers: async (signal?: AbortSignal) =>
    (await ask<{ scalers: Scaler[] }>('GET', '/api/v1/scaling', undefined, signal)).scalers,
  release: (scaler: string, id: number) => ask<void>('DELETE', withQuery(`/api/v1/scaling/${scaler}/hold`, { id })),
};

/** Small curves out of a pipeline's recent fetches. */

import type { RecentFetch } from './api';

/** Return the share of failed fetches in the `span` before each fetch; cancelled ones do not count. */
export function failRates(recent: readonly RecentFetch[], span: number): (number | null)[] {
  const counted = recent.filter(({ outcome }) => outcome !== 'cancelled');
  return counted.map(({ at }) => {
    const near = counted.filter((fetch) => fetch.at <= at && fetch.at > at - span);
    return near.filter(({ outcome }) => outcome === 'failed').length / near.length;
  });
}

export function latencies(recent: readonly RecentFetch[]): (number | null)[] {
  return recent.map(({ latency_ms }) => latency_ms);
}

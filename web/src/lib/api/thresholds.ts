/** Thresholds that places have apart. */

import { ask, withQuery, type Query } from './asking';
import type { Judged, Standard } from './rules';

export interface Override extends Standard {
  rule: string;
  scope: 'group' | 'host' | 'container';
  name: string;
  changed_by: string;
  changed_at: number;
  /** False where a file says it: only the file takes it back. */
  kept: boolean;
  /** Why it does nothing any longer; empty when all is well. */
  wrong: string;
}

export interface OverrideAsked {
  rule: string;
  scope: Override['scope'];
  name: string;
  warning: string | null;
  critical: string | null;
  clear: string | null;
}

/** A rule with the thresholds that count on one host. */
export interface RuleOnHost extends Pick<Judged, 'name' | 'unit' | 'settable' | 'own'> {
  effective: Standard;
}

export interface LimitsOnHost {
  rules: RuleOnHost[];
  overrides: Override[];
}

export interface SetApart {
  groups: { name: string; hosts: string[] }[];
  overrides: Override[];
}

export const thresholds = {
  thresholds: (signal?: AbortSignal) => ask<SetApart>('GET', '/api/v1/thresholds', undefined, signal),
  thresholdsOf: (query: Query, signal?: AbortSignal) =>
    ask<Standard>('GET', withQuery('/api/v1/thresholds/effective', query), undefined, signal),
  thresholdsOn: (host: string, signal?: AbortSignal) =>
    ask<LimitsOnHost>('GET', `/api/v1/thresholds/hosts/${encodeURIComponent(host)}`, undefined, signal),
  setApart: (asked: OverrideAsked) => ask<void>('PUT', '/api/v1/thresholds', asked),
  dropApart: ({ rule, scope, name }: Pick<Override, 'rule' | 'scope' | 'name'>) =>
    ask<void>('DELETE', withQuery('/api/v1/thresholds', { rule, scope, name })),
};

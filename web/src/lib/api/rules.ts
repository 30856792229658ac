/** Rules: how they judge, how they are written, and what they would have done. */

import type { AlertState, Muted } from './alerts';
import { ask, withQuery } from './asking';
import type { AlertUnit, Kept, Mistake, Reason, Severity } from './words';

/** `>= 0.85`; `from` says where it comes from, empty for the rule's own. */
export interface Condition {
  operator: string;
  number: number;
  from: string;
}

/** The thresholds of a rule, or those that count in one place. */
export interface Standard {
  warning: Condition | null;
  critical: Condition | null;
  clear: Condition | null;
}

export type Found = 'critical' | 'warning' | 'info' | 'between' | 'good' | 'error' | 'insufficient' | 'stale';

export interface Judged {
  name: string;
  unit: AlertUnit;
  /** False where the condition stands inside the query: no place can have a threshold of its own. */
  settable: boolean;
  own: Standard;
  enabled: boolean;
  /** Where it stands, `rules/disks.yaml:12`; null for a rule of the page. */
  file: string | null;
  looks_at: string;
  for_seconds: number;
  interval_seconds: number;
  /** `failed` is empty unless the evaluation could not be made. */
  last: {
    at: number;
    seconds: number;
    failed: string;
    reason: Reason | null;
    counts: Partial<Record<Found, number>>;
  } | null;
}

/** One label set of a rule, and why its last evaluation came to what it came to. */
export interface Why {
  labels: Record<string, string>;
  found: 'breach' | 'good' | 'between' | 'insufficient' | 'error' | 'stale' | 'missing' | 'failed';
  said: string;
  reason: Reason | null;
  value: number | null;
  thresholds: Partial<Record<Severity, string>>;
  clear: string;
  origins: Record<string, string>;
  samples: number | null;
  state: 'ok' | AlertState;
  severity: Severity | null;
  since: number | null;
  next_change: number | null;
  episode: string;
}

/** Series that a rule looks at; where they stopped, `last_at` is right within five minutes. */
export interface Input {
  selector: string;
  state: 'reports' | 'stopped' | 'never seen';
  last_at: number | null;
}

export interface JudgedWhy extends Judged {
  results: Why[];
  /** Where there are no results: whether what it looks at stopped or was never seen. */
  inputs: Input[];
  more: number;
}

/** A rule's text, its values, and what is wrong with it. */
export interface CheckedRule {
  text: string;
  values: Readonly<Record<string, unknown>>;
  mistakes: Mistake[];
  looks_at: string;
}

/** A rule as it was written. */
export interface WrittenRule extends Kept, Pick<CheckedRule, 'text' | 'values'> {
  enabled: boolean;
  off_in_file: boolean;
}

/** The same without its text, in a list. */
export type Written = Omit<WrittenRule, 'text' | 'values'>;

/** What a rule would have done; of its firings the latest 200. */
export interface Previewed extends Pick<Judged, 'name' | 'unit' | 'own'> {
  from: number;
  to: number;
  step_seconds: number;
  looks_at: string;
  count: number;
  /** Of how many somebody would have been told, and of how many nobody, because something muted them. */
  told: number;
  muted: number;
  failed: string;
  /** What `failed` says, for saying it in another language. */
  failed_reason: Reason | null;
  firings: {
    labels: Record<string, string>;
    severity: Severity;
    began: number;
    ended: number | null;
    peak: number | null;
    told: string[];
    muted_by: Pick<Muted, 'what' | 'name' | 'who' | 'why'>[];
  }[];
}

export const rules = {
  judging: async (signal?: AbortSignal) =>
    (await ask<{ rules: Judged[] }>('GET', '/api/v1/judging', undefined, signal)).rules,
  judgingOf: (rule: string, signal?: AbortSignal) =>
    ask<JudgedWhy>('GET', withQuery('/api/v1/judging', { rule }), undefined, signal),
  writtenRules: async (signal?: AbortSignal) =>
    (await ask<{ rules: Written[] }>('GET', '/api/v1/written-rules', undefined, signal)).rules,
  writtenRule: (rule: string, ofPage: boolean, signal?: AbortSignal) =>
    ask<WrittenRule>('GET', withQuery('/api/v1/written-rules', { rule, of_page: String(ofPage) }), undefined, signal),
  checkRule: (asked: { text: string } | { values: Readonly<Record<string, unknown>> }, signal?: AbortSignal) =>
    ask<CheckedRule>('POST', '/api/v1/written-rules/check', asked, signal),
  previewRule: (text: string, last: '24h' | '7d', signal?: AbortSignal) =>
    ask<Previewed>('POST', '/api/v1/written-rules/preview', { text, last }, signal),
  saveRule: (asked: { text: string; enabled: boolean; revision: number | null; rule: string | null }) =>
    ask<WrittenRule>('PUT', '/api/v1/written-rules', asked),
  switchRule: (rule: string, enabled: boolean, revision: number | null) =>
    ask<WrittenRule>('PUT', '/api/v1/written-rules/enabled', { rule, enabled, revision }),
  exportUrl: (rule: string | null = null) => withQuery('/api/v1/written-rules/export', { rule }),
  dropRule: (rule: string, revision: number) =>
    ask<void>('DELETE', withQuery('/api/v1/written-rules', { rule, revision })),
};

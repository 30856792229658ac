/** Rules and their thresholds, as people read and write them. Pure. */

import type { AlertUnit, Condition, Judged, Override, OverrideAsked, Why } from './api';
import { round, text } from './numbers';
import { signOf } from './saying';
import { markOfSeverity, type MarkName } from './states';

export const PARTS = ['warning', 'critical', 'clear'] as const;
export type Part = (typeof PARTS)[number];
export type Scope = Override['scope'];

/** A condition for reading: `≥ 85 %`. */
export function said({ operator, number }: Condition, unit: AlertUnit): string {
  return `${signOf(operator)} ${text(round(number, unit))}`;
}

/** A condition as rules write it: `>= 0.85`; empty where there is none. */
export function written(condition: Condition | null): string {
  return condition === null ? '' : `${condition.operator} ${condition.number}`;
}

/** What an evaluation came to as a whole: it failed, or the worst it found. */
export function markOfRule({ last, enabled }: Pick<Judged, 'last' | 'enabled'>): MarkName {
  if (!enabled) return 'pause';
  if (last === null) return 'wait';
  const { failed, counts } = last;
  if (failed || counts.error) return 'err';
  if (counts.critical || counts.warning) return markOfSeverity(counts.critical ? 'critical' : 'warning');
  if (counts.stale) return 'none';
  return counts.insufficient ? 'few' : 'ok';
}

/** What was found for one label set. */
export function markOfWhy({ found, severity }: Pick<Why, 'found' | 'severity'>): MarkName {
  const marks: Record<Why['found'], MarkName> = {
    breach: severity === null ? 'pend' : markOfSeverity(severity),
    error: 'err',
    failed: 'err',
    missing: 'none',
    stale: 'none',
    insufficient: 'few',
    between: 'recov',
    good: 'ok',
  };
  return marks[found];
}

/** The narrowest place of a label set for which a threshold can be set; null where it has none. */
export function placeOf(labels: Record<string, string>): { scope: Scope; name: string } | null {
  const { host, container } = labels;
  if (container) return { scope: 'container', name: host ? `${host}/${container}` : container };
  return host ? { scope: 'host', name: host } : null;
}

/** The places of a scope among label sets, for suggesting them: each once. */
export function placesOf(scope: Scope, labels: readonly Record<string, string>[]): string[] {
  const places = labels.flatMap(
    (one) => (scope === 'host' ? placeOf({ host: one['host'] ?? '' }) : placeOf(one)) ?? [],
  );
  return [...new Set(places.filter((place) => place.scope === scope).map(({ name }) => name))];
}

/** Where a threshold comes from, `host web-1`, with the scope in the reader's language. */
export function originSaid(from: string, scopes: Record<Scope, string>): string {
  const scope = from.split(' ', 1)[0] as Scope;
  return `${scopes[scope]} ${from.slice(scope.length + 1)}`;
}

/** The labels whose thresholds count in a place: of a container as `host/name`, or `name` on every host. */
export function labelsOf(scope: Scope, name: string): { host: string; container: string } | null {
  if (scope === 'group' || name === '') return null;
  if (scope === 'host') return { host: name, container: '' };
  const [host = '', ...rest] = name.split('/');
  return rest.length === 0 ? { host: '', container: name } : { host, container: rest.join('/') };
}

/** The form's texts as the server wants them: what is empty is as in the wider place. */
export function asked(place: { rule: string; scope: Scope; name: string }, texts: Record<Part, string>): OverrideAsked {
  const of = (part: Part) => texts[part].trim() || null;
  return { ...place, name: place.name.trim(), warning: of('warning'), critical: of('critical'), clear: of('clear') };
}

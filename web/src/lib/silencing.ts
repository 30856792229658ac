/** Silences as they are asked for: what they match, and until when. Pure. */

import type { Alert } from './api';

const HOUR = 3_600_000;

/** The matchers of a silence for one alert: its rule and what tells its place. */
export function matchersFor(alert: Pick<Alert, 'rule' | 'labels'>): string {
  const place = ['host', 'container', 'pipeline', 'instance'].filter((name) => alert.labels[name]);
  const shown = place.length > 0 ? place.slice(0, 2) : Object.keys(alert.labels).slice(0, 2);
  return [
    `rule=${quoted(alert.rule)}`,
    ...shown.map((name) => `${named(name)}=${quoted(alert.labels[name] ?? '')}`),
  ].join(', ');
}

/** Matchers for all that a filter of the list shows, as far as matchers can say it. */
export function matchersOf(filter: { rule: string; host: string; severity: string }): string {
  return (['rule', 'host', 'severity'] as const)
    .filter((name) => filter[name])
    .map((name) => `${name}=${quoted(filter[name])}`)
    .join(', ');
}

/** The ends that are offered: in one, four and twelve hours, and the next morning at nine. */
export function ends(now: number): { hours: number | null; at: number }[] {
  const morning = new Date(now);
  morning.setHours(9, 0, 0, 0);
  if (morning.getTime() <= now + HOUR) morning.setDate(morning.getDate() + 1);
  return [...[1, 4, 12].map((hours) => ({ hours, at: now + hours * HOUR })), { hours: null, at: morning.getTime() }];
}

/** A time as an `<input type="datetime-local">` takes it, in the browser's zone. */
export function localInput(at: number): string {
  const date = new Date(at);
  return new Date(at - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** Where a stretch lies on a calendar from `from` to `to`, in percent. */
export function lies(stretch: { from: number; to: number }, from: number, to: number): { left: number; width: number } {
  const percent = (at: number) => Math.max(0, Math.min(100, ((at - from) / (to - from)) * 100));
  return { left: percent(stretch.from), width: percent(stretch.to) - percent(stretch.from) };
}

/** A label's name, in quotes where it needs them. */
function named(label: string): string {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(label) ? label : quoted(label);
}

function quoted(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}

/** Silences as they are asked for: what they match, and until when. Pure. */

import type { Alert } from './api';

const HOUR = 3_600_000;

/** The matchers of a silence for one alert: its rule and what tells its place. */
export function matchersFor(alert: Pick<Alert, 'rule' | 'labels'>): string {
  const place = ['host', 'container', 'pipeline', 'instance'].filter((name) => alert.labels[name]);
  const shown = place.length > 0 ? place.slice(0, 2) : Object.keys(alert.labels).slice(0, 2);
  return [`rule=${quoted(alert.rule)}`, ...shown.map((name) => `${name}=${quoted(alert.labels[name] ?? '')}`)].join(
    ', ',
  );
}

/** How many of the alerts plain matchers (`name="value"`) match; null where one of them is a pattern or cannot be read. */
export function matched(alerts: readonly Alert[], matchers: string): number | null {
  const found = [...matchers.matchAll(/\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)/gy)];
  if (found.length === 0 || found.map(([whole]) => whole).join('') !== matchers) return null;
  if (found.some(([, , operator]) => operator !== '=' && operator !== '!=')) return null;
  return alerts.filter((alert) =>
    found.every(([, name = '', operator, value = '']) => {
      const has = { ...alert.labels, rule: alert.rule, severity: alert.severity }[name] ?? '';
      return (has === value.replace(/\\(.)/g, '$1')) === (operator === '=');
    }),
  ).length;
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

function quoted(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}

/** Alerts by day and hour of the viewer's clock. Pure. */

import type { AlertHour, UnjudgedHour } from './api';
import { dayOf } from './times';

export interface Day {
  /** `2026-11-21`. */
  day: string;
  /** Midnight. */
  at: number;
  fired: number;
  /** How many in each hour of the clock; 24 of them. */
  hours: number[];
  /** For how many seconds nobody evaluated rules in each hour. */
  unjudged: number[];
}

const HOUR = 3_600_000;

/** Return every day from `from` until `until` (the first moment after the last), the newest first; `most` of them. */
export function daysOf(
  found: readonly AlertHour[],
  unjudged: readonly UnjudgedHour[],
  from: number,
  until: number,
  most: number,
): Day[] {
  const days = new Map<string, Day>();
  // Noon of each day: whatever clocks do, it lies in that day.
  for (let noon = from + 12 * HOUR; noon < until; noon += 24 * HOUR) {
    const day = dayOf(noon);
    const at = new Date(noon).setHours(0, 0, 0, 0);
    days.set(day, { day, at, fired: 0, hours: none(), unjudged: none() });
  }
  for (const { at, fired } of found) {
    const day = days.get(dayOf(at));
    if (!day) continue;
    day.fired += fired;
    day.hours[new Date(at).getHours()]! += fired;
  }
  for (const { at, seconds } of unjudged) {
    const day = days.get(dayOf(at));
    if (day) day.unjudged[new Date(at).getHours()]! += seconds;
  }
  return [...days.values()].reverse().slice(0, most);
}

function none(): number[] {
  return Array<number>(24).fill(0);
}

/** Return the grey of a count beside the most in any hour: null for none, else a (few) to e (most). */
export function inkOf(fired: number, most: number): 'a' | 'b' | 'c' | 'd' | 'e' | null {
  if (fired === 0) return null;
  return (['a', 'b', 'c', 'd', 'e'] as const)[Math.min(4, Math.ceil((fired / most) * 5) - 1)]!;
}

/** Alerts by day and hour of the viewer's clock. Pure. */

import type { AlertHour } from './api';
import { dayOf } from './times';

export interface Day {
  /** `2026-11-21`. */
  day: string;
  /** Midnight. */
  at: number;
  fired: number;
  /** How many in each hour of the clock; 24 of them. */
  hours: number[];
}

const HOUR = 3_600_000;

/** Return every day from `from` until `until` (the first moment after the last), the newest first; `most` of them. */
export function daysOf(found: readonly AlertHour[], from: number, until: number, most: number): Day[] {
  const days = new Map<string, Day>();
  // Noon of each day: whatever clocks do, it lies in that day.
  for (let noon = from + 12 * HOUR; noon < until; noon += 24 * HOUR) {
    const day = dayOf(noon);
    days.set(day, { day, at: new Date(noon).setHours(0, 0, 0, 0), fired: 0, hours: Array<number>(24).fill(0) });
  }
  for (const { at, fired } of found) {
    const day = days.get(dayOf(at));
    if (!day) continue;
    day.fired += fired;
    day.hours[new Date(at).getHours()]! += fired;
  }
  return [...days.values()].reverse().slice(0, most);
}

/** Return the grey of a count beside the most in any hour: null for none, else a (few) to e (most). */
export function inkOf(fired: number, most: number): 'a' | 'b' | 'c' | 'd' | 'e' | null {
  if (fired === 0) return null;
  return (['a', 'b', 'c', 'd', 'e'] as const)[Math.min(4, Math.ceil((fired / most) * 5) - 1)]!;
}

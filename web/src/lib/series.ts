/** Curves as arrays: steps that are missing are null, and stay missing. Seconds on the time axis, as in PromQL. */

import type { Series } from './api';
import { roundUp, type Unit } from './numbers';

export interface Window {
  start: number;
  end: number;
  step: number;
}

const STEPS = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800];

/** Return the steps for a length of time: about 240 of them, at least 5 s apart, on round seconds. */
export function stepFor(seconds: number): number {
  const wanted = seconds / 240;
  return STEPS.find((step) => step >= wanted) ?? 604_800;
}

/** Return the last `seconds` until `now`, on round steps, so that a curve asked again does not tremble. */
export function lastWindow(seconds: number, now: number): Window {
  const step = stepFor(seconds);
  const end = Math.floor(now / step) * step;
  return { start: end - seconds, end, step };
}

export function fixedWindow(from: number, to: number): Window {
  const step = stepFor(to - from);
  return { start: Math.floor(from / step) * step, end: Math.ceil(to / step) * step, step };
}

export function timesOf({ start, end, step }: Window): number[] {
  return Array.from({ length: Math.round((end - start) / step) + 1 }, (_, index) => start + index * step);
}

/** Return one value a step; null where the series has none. */
export function align(values: Series['values'], window: Window): (number | null)[] {
  const aligned: (number | null)[] = timesOf(window).map(() => null);
  for (const [time, text] of values) {
    const index = Math.round((time - window.start) / window.step);
    const value = Number(text);
    if (index >= 0 && index < aligned.length && Number.isFinite(value)) aligned[index] = value;
  }
  return aligned;
}

export interface Gap {
  start: number;
  end: number;
  where: 'middle' | 'end';
}

/** Return the stretches where no line has a value. What lies before the first value is not a gap: nobody measured yet. */
export function gapsOf(lines: readonly (readonly (number | null)[])[], window: Window, shortest = 2): Gap[] {
  const times = timesOf(window);
  const known = times.map((_, index) => lines.some((line) => (line[index] ?? null) !== null));
  const first = known.indexOf(true);
  if (first < 0) return [];
  const gaps: Gap[] = [];
  let last = first;
  for (let index = first + 1; index < times.length; index += 1) {
    if (!known[index]) continue;
    if (index - last - 1 >= shortest) gaps.push({ start: times[last]!, end: times[index]!, where: 'middle' });
    last = index;
  }
  if (times.length - 1 - last > longestWait(window, shortest))
    gaps.push({ start: times[last]!, end: window.end, where: 'end' });
  return gaps;
}

/** How many steps at the end may be missing before it is more than a late sample. */
function longestWait({ step }: Window, shortest = 2): number {
  return Math.max(shortest, 30 / step);
}

/** Return the value at the end; null when the last one known is too old to be still so. */
export function valueAtEnd(values: readonly (number | null)[], window: Window): number | null {
  return lastKnown(values.slice(-1 - Math.floor(longestWait(window))));
}

export function lastKnown(values: readonly (number | null)[]): number | null {
  return values.findLast((value) => value !== null) ?? null;
}

/** Return the series whose labels agree best with `labels`: a query may answer more than the one that is asked about. */
export function bestOf(found: readonly Series[], labels: Record<string, string>): Series | null {
  const agreeing = ({ metric }: Series) =>
    Object.entries(labels).filter(([key, value]) => metric[key] === value).length;
  return found.toSorted((a, b) => agreeing(b) - agreeing(a))[0] ?? null;
}

export interface Range {
  low: number;
  high: number;
  ticks: number[];
}

interface Drawn {
  lines: readonly (readonly (number | null)[])[];
  /** Thresholds; they must be on the chart. */
  marks?: readonly number[];
}

/** Return the value axis from zero to a round number above everything that is drawn, or to a fixed ceiling. */
export function rangeFromZero({ lines, marks = [] }: Drawn, unit: Unit, ceiling?: number): Range {
  const values = knownOf(lines, marks);
  const low = Math.min(0, ...values);
  const most = Math.max(0, ...values);
  // A value on a round number needs no second one above it: ten of ten fill the chart.
  const high = Math.max(ceiling ?? (roundUp(most, unit) === most ? most : roundUp(most * 1.02, unit)), most);
  return { low, high, ticks: [low, (low + high) / 2, high] };
}

/** Return the value axis close around what is drawn, on round numbers; a ratio stays within 0 and 1. */
export function rangeAround({ lines, marks = [] }: Drawn, unit: Unit): Range {
  const values = knownOf(lines, marks);
  if (values.length === 0) return rangeFromZero({ lines, marks }, unit);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const step = roundUp((most - least || Math.abs(most) || 1) / 3, unit);
  const low = Math.max(Math.floor((least - step / 4) / step) * step, least >= 0 ? 0 : -Infinity);
  const high = Math.min(Math.ceil((most + step / 4) / step) * step, unit === 'ratio' && most <= 1 ? 1 : Infinity);
  const ticks = Array.from({ length: Math.floor((high - low) / step + 1e-9) + 1 }, (_, index) => low + index * step);
  return { low, high, ticks };
}

/** Return the value axis with the ends that somebody fixed; what is null stays as it is. */
export function rangeWithin({ low, high, ticks }: Range, least: number | null, most: number | null): Range {
  if (least === null && most === null) return { low, high, ticks };
  const from = least ?? Math.min(low, most!);
  const to = most ?? Math.max(high, least!);
  const top = to > from ? to : from + 1;
  return { low: from, high: top, ticks: [from, (from + top) / 2, top] };
}

function knownOf(lines: Drawn['lines'], marks: readonly number[]): number[] {
  return [...lines.flat(), ...marks].filter((value): value is number => value !== null);
}

const TIME_STEPS = [5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800];

/** Return round instants for the time axis, at most `most` of them. `offset` is the zone's distance from UTC. */
export function timeTicks(window: Window, most: number, offset = 0): number[] {
  const step = TIME_STEPS.find((wide) => (window.end - window.start) / wide <= most) ?? 604_800;
  const first = Math.ceil((window.start + offset) / step) * step - offset;
  const ticks: number[] = [];
  for (let at = first; at <= window.end; at += step) ticks.push(at);
  return ticks;
}

/** Return an SVG path through the values, gaps left open, in a box of `width` × `height` for low…high. */
export function pathOf(
  values: readonly (number | null)[],
  low: number,
  high: number,
  width: number,
  height: number,
): string {
  const across = values.length > 1 ? width / (values.length - 1) : 0;
  const up = high > low ? height / (high - low) : 0;
  const known = (index: number) => (values[index] ?? null) !== null;
  const parts = values.map((value, index) => {
    if (value === null) return '';
    const spot = `${(index * across).toFixed(1)} ${(height - (value - low) * up).toFixed(1)}`;
    if (known(index - 1)) return `L${spot}`;
    // A value alone has no line; a round cap on a line of no length is a dot.
    return known(index + 1) ? `M${spot}` : `M${spot}h0`;
  });
  return parts.join('');
}

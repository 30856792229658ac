/** A histogram over time as cells: from counts "up to le" to counts of each bucket. Pure. */

import type { Found } from './panels';

export interface Row {
  /** The bucket's upper bound; Infinity for the last. */
  le: number;
  /** The bound below; null where there is none. */
  above: number | null;
  /** One count a step; null where nobody counted. */
  counts: (number | null)[];
}

/** Return the buckets, lowest first. Series without `le` are none of a histogram and are left out. */
export function rowsOf(found: readonly Found[]): Row[] {
  const sums = new Map<number, (number | null)[]>();
  for (const { metric, values } of found) {
    const le = boundOf(metric['le']);
    if (le === null) continue;
    const sum = sums.get(le);
    sums.set(le, sum ? sum.map((value, step) => added(value, values[step] ?? null)) : [...values]);
  }
  const bounds = [...sums.keys()].sort((a, b) => a - b);
  return bounds.map((le, index) => {
    const above = index > 0 ? bounds[index - 1]! : null;
    const lower = above === null ? null : sums.get(above)!;
    return { le, above, counts: sums.get(le)!.map((upTo, step) => between(upTo, lower ? (lower[step] ?? null) : 0)) };
  });
}

function boundOf(le: string | undefined): number | null {
  if (le === undefined || le === '') return null;
  const bound = /^\+?inf$/i.test(le) ? Infinity : Number(le);
  return Number.isNaN(bound) ? null : bound;
}

function added(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : a + b;
}

/** Rates of buckets are rounded apart from each other: a little less than the bucket below is nothing, not less than it. */
function between(upTo: number | null, below: number | null): number | null {
  return upTo === null || below === null ? null : Math.max(0, upTo - below);
}

export function mostIn(rows: readonly Row[]): number {
  return Math.max(
    0,
    ...rows.map(({ counts }) => counts.reduce<number>((most, count) => Math.max(most, count ?? 0), 0)),
  );
}

/** The colours a cell can have; 0 is for nothing at all. */
export const LEVELS = 5;

/** Return which of the colours says `count`. By the root: a few beside thousands are still seen. */
export function levelOf(count: number, most: number): number {
  if (count <= 0 || most <= 0) return 0;
  return Math.min(LEVELS, Math.max(1, Math.ceil(Math.sqrt(count / most) * LEVELS - 1e-9)));
}

/** Return the highest count that still has `level`. */
export function upToLevel(level: number, most: number): number {
  return most * (level / LEVELS) ** 2;
}

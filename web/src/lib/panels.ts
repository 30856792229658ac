/** What a panel makes of the server's answers: names, severities, layers, rows. Pure. */

import type { Mapping, Panel, PanelUnit, Series, Severity } from './api';
import { roundUp, type Unit } from './numbers';
import type { Window } from './series';

/** One series of an answer. */
export interface Found {
  /** Which of the panel's queries found it. */
  query: number;
  metric: Readonly<Record<string, string>>;
  name: string;
  /** One value a step; nothing for a query of one instant. */
  values: (number | null)[];
  /** The value at the end. */
  value: number | null;
}

export type Bad = 'warning' | 'critical' | 'unknown';

export function unitOf(unit: PanelUnit): Unit {
  return unit === 'none' ? '' : unit;
}

/** Return what a series is called: `{{label}}` of the template filled in, without one its own labels. */
export function legendOf(template: string, metric: Readonly<Record<string, string>>): string {
  if (template) return template.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (_, label: string) => metric[label] ?? '').trim();
  const { __name__: name = '', ...labels } = metric;
  const said = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return said.length > 0 ? `${name}{${said.join(', ')}}` : name;
}

type Limits = Pick<Panel, 'thresholds' | 'above'>;

/** Return the worst severity whose threshold the value has reached; null where it is well. */
export function severityOf(value: number | null, { thresholds, above }: Limits): Severity | null {
  if (value === null) return null;
  const reached = thresholds.filter(({ at }) => (above ? value >= at : value <= at)).map(({ severity }) => severity);
  return (['critical', 'warning', 'info'] as const).find((severity) => reached.includes(severity)) ?? null;
}

export function mappingOf(value: number | null, mappings: readonly Mapping[]): Mapping | null {
  return value === null ? null : (mappings.find((mapping) => mapping.value === value) ?? null);
}

/** How a value is: by its mapping where it has one, else by the thresholds. */
export function stateOf(value: number | null, panel: Limits & Pick<Panel, 'mappings'>): Bad | null {
  if (value === null) return 'unknown';
  const mapping = mappingOf(value, panel.mappings);
  if (mapping) return mapping.severity === 'ok' ? null : mapping.severity;
  const severity = severityOf(value, panel);
  return severity === 'info' ? null : severity;
}

/** Return the series in the panel's order. A value nobody knows comes last. */
export function ordered(found: readonly Found[], sort: Panel['sort']): Found[] {
  if (!sort) return [...found];
  const up = (a: number | null, b: number | null) => (a === null ? 1 : b === null ? -1 : a - b);
  return found.toSorted((a, b) => {
    if (sort === 'label') return a.name.localeCompare(b.name, undefined, { numeric: true });
    if (a.value === null || b.value === null) return up(a.value, b.value);
    return sort === 'value' ? a.value - b.value : b.value - a.value;
  });
}

/** Return the curves heaped on each other, in the same order: each is the sum up to itself. */
export function stacked(curves: readonly (readonly (number | null)[])[]): (number | null)[][] {
  const sums: (number | null)[] = [];
  return curves.map((curve) =>
    curve.map((value, step) => {
      // What is missing adds nothing; where all are missing there is a gap.
      if (value !== null) sums[step] = (sums[step] ?? 0) + value;
      else if (curves.every((other) => (other[step] ?? null) === null)) return null;
      return (sums[step] ??= 0);
    }),
  );
}

/** Return the share of each value in their sum; of nothing there are no shares. */
export function sharesOf(values: readonly (number | null)[]): number[] {
  const sum = values.reduce<number>((total, value) => total + Math.max(0, value ?? 0), 0);
  return values.map((value) => (sum > 0 ? Math.max(0, value ?? 0) / sum : 0));
}

export interface TableRow {
  key: string;
  labels: readonly string[];
  values: readonly (number | null)[];
}

/** Return a row for each set of the shown labels, with a value of every query. */
export function tableOf(found: readonly Found[], labels: readonly string[], queries: number): TableRow[] {
  const rows = new Map<string, { key: string; labels: string[]; values: (number | null)[] }>();
  for (const { query, metric, value } of found) {
    const shown = labels.map((label) => metric[label] ?? '');
    const key = JSON.stringify(shown);
    const row = rows.get(key) ?? { key, labels: shown, values: Array.from({ length: queries }, () => null) };
    row.values[query] = value;
    rows.set(key, row);
  }
  return [...rows.values()];
}

/** Return the labels that tell the series apart: what a table shows that was told no columns. */
export function labelsIn(found: readonly Found[]): string[] {
  return [...new Set(found.flatMap(({ metric }) => Object.keys(metric)))]
    .filter((label) => label !== '__name__')
    .sort();
}

export interface Stretch {
  start: number;
  end: number;
  value: number | null;
}

/** Return the stretches in which a value stayed the same; each lasts until the next begins. */
export function stretchesOf(values: readonly (number | null)[], { start, step }: Window): Stretch[] {
  const stretches: Stretch[] = [];
  values.forEach((value, index) => {
    const at = start + index * step;
    const last = stretches.at(-1);
    if (last) last.end = at;
    if (!last || last.value !== value) stretches.push({ start: at, end: at, value });
  });
  return stretches.filter(({ start: from, end }) => end > from);
}

/** Return the points of an answer to a query of one instant, whatever its form. */
export function pointsOf(data: InstantData): Series[] {
  switch (data.resultType) {
    case 'vector':
      return data.result.map(({ metric, value }) => ({ metric, values: [value] }));
    case 'matrix':
      return data.result;
    default:
      return [{ metric: {}, values: [data.result] }];
  }
}

export type InstantData =
  | { resultType: 'vector'; result: { metric: Record<string, string>; value: [number, string] }[] }
  | { resultType: 'matrix'; result: Series[] }
  | { resultType: 'scalar' | 'string'; result: [number, string] };

/** Return the number of the last point; null for NaN, which is no number, and for none. */
export function lastPoint(values: Series['values']): number | null {
  const value = Number(values.at(-1)?.[1] ?? NaN);
  return Number.isNaN(value) ? null : value;
}

/** Return the points with the curves of the same labels. A curve without a point is of what reported and stopped: its value is unknown. */
export function withCurves(points: readonly Found[], curves: readonly Found[]): Found[] {
  const keyOf = ({ query, metric }: Found) => JSON.stringify([query, Object.entries(metric).sort()]);
  const byKey = new Map(curves.map((curve) => [keyOf(curve), { ...curve, value: null as number | null }]));
  for (const point of points) byKey.set(keyOf(point), { ...point, values: byKey.get(keyOf(point))?.values ?? [] });
  return [...byKey.values()];
}

/** Return the ends of a gauge: those of the file; else a whole for shares, else a round number above values and thresholds. */
export function gaugeEnds(
  { min, max, unit, thresholds }: Pick<Panel, 'min' | 'max' | 'unit' | 'thresholds'>,
  found: readonly Found[],
): { low: number; high: number } {
  const values = [...found.map(({ value }) => value ?? 0), ...thresholds.map(({ at }) => at)];
  const low = min ?? Math.min(0, ...values);
  const whole = unit === 'ratio' ? 1 : unit === 'percent' ? 100 : roundUp(Math.max(...values, 0) * 1.02, unitOf(unit));
  const high = max ?? whole;
  return { low, high: high > low ? high : low + 1 };
}

const CENTRE = { x: 60, y: 62 };
const RADIUS = 50;

function spotOf(share: number, radius: number): string {
  const angle = Math.PI * (1 - share);
  return `${(CENTRE.x + radius * Math.cos(angle)).toFixed(2)} ${(CENTRE.y - radius * Math.sin(angle)).toFixed(2)}`;
}

/** Return the path of a gauge's half circle between two shares, in a box of 120 × 70. */
export function arcOf(from: number, to: number): string {
  return `M${spotOf(from, RADIUS)}A${RADIUS} ${RADIUS} 0 0 1 ${spotOf(to, RADIUS)}`;
}

export function tickOf(share: number): string {
  return `M${spotOf(share, RADIUS - 8)}L${spotOf(share, RADIUS + 8)}`;
}

/** By which column a table is sorted; those of the labels come first, then those of the queries. */
export interface TableSort {
  column: number;
  down: boolean;
}

/** Return the rows sorted. A value nobody knows comes last, whichever way. */
export function sortedRows(rows: readonly TableRow[], { column, down }: TableSort): TableRow[] {
  const way = down ? -1 : 1;
  return rows.toSorted((a, b) => {
    const first = a.labels[column];
    if (first !== undefined) return way * first.localeCompare(b.labels[column]!, undefined, { numeric: true });
    const [left, right] = [a, b].map(({ labels, values }) => values[column - labels.length] ?? null);
    if (left === null || right === null || left === undefined || right === undefined)
      return Number(left === null) - Number(right === null);
    return way * (left - right);
  });
}

/** The variables of a dashboard: what is chosen, and what that makes of an expression. Pure. */

import type { Variable } from './api';
import type { Window } from './series';

/** What stands in the address for "all". */
export const ALL = '$__all';
/** How far apart the samples of a series may be, in seconds, for a rate to have two of them. */
const SCRAPE = 15;

/** The chosen values of one variable; `all` counts for every value there is and will be. */
export interface Chosen {
  all: boolean;
  values: readonly string[];
}

export type Choices = Readonly<Record<string, Chosen>>;

/** Return what is chosen: by the address, else by the file, else all or the first. Null while that needs the `known` values. */
export function chosenOf(
  variable: Variable,
  asked: readonly string[],
  known: readonly string[] | undefined,
): Chosen | null {
  if (asked.length > 0) return chosenFrom(variable, asked);
  if (variable.default) return chosenFrom(variable, [variable.default]);
  if (variable.all) return { all: true, values: [] };
  return known ? { all: false, values: known.slice(0, 1) } : null;
}

function chosenFrom({ all, multiple }: Variable, values: readonly string[]): Chosen {
  if (all && values.includes(ALL)) return { all: true, values: [] };
  return { all: false, values: multiple ? [...new Set(values)] : values.slice(0, 1) };
}

/** Return what the address says of a choice. */
export function addressOf({ all, values }: Chosen): string[] {
  return all ? [ALL] : [...values];
}

/** Return the expression with `$name`, `${name}` and the `$__…` of a window replaced; unknown names stay. */
export function substituted(expr: string, choices: Choices, window: Window): string {
  const times = timesIn(window);
  return inStrings(expr, (text, string) =>
    text.replace(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced: string | undefined, plain: string | undefined) => {
      const name = (braced ?? plain)!;
      if (Object.hasOwn(times, name)) return times[name]!;
      return Object.hasOwn(choices, name) ? valueIn(string, choices[name]!) : whole;
    }),
  );
}

/** Return the series of a metric that all matchers take; a name that is more than letters, digits and `_` is quoted. */
export function selector(metric: string, matchers: string): string {
  if (/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(metric)) return `${metric}{${matchers}}`;
  return `{${JSON.stringify(metric)}${matchers.trim() && `,${matchers}`}}`;
}

/** Return the names of the variables in a text. */
export function namesIn(text: string): string[] {
  return [...text.matchAll(/\$(?:\{(\w+)\}|(\w+))/g)].map((match) => (match[1] ?? match[2])!);
}

/** As Grafana means them, for series that come every 15 s; a rate is over a step and one scrape, and over four at least. */
function timesIn({ start, end, step }: Window): Record<string, string> {
  const range = Math.round(end - start);
  return {
    __interval: `${step}s`,
    __interval_ms: String(step * 1000),
    __rate_interval: `${Math.max(step + SCRAPE, 4 * SCRAPE)}s`,
    __range: `${range}s`,
    __range_s: String(range),
    __range_ms: String(range * 1000),
  };
}

/** Where a piece of an expression stands. */
interface Spot {
  quote: '' | '"' | "'" | '`';
  /** True in the string after `=~` or `!~`. */
  regex: boolean;
}

function valueIn({ quote, regex }: Spot, { all, values }: Chosen): string {
  if (all) return '.*';
  const written = regex ? values.map(escapedRegex) : values;
  const value = written.length === 1 ? written[0]! : written.length === 0 ? '' : `(${written.join('|')})`;
  return quote === '"' || quote === "'" ? escapedIn(quote, value) : value;
}

function escapedRegex(value: string): string {
  return value.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&');
}

function escapedIn(quote: string, value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll(quote, `\\${quote}`).replaceAll('\n', '\\n');
}

const PIECES = /"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?|`[^`]*`?|[^"'`]+/gs;

/** Return the expression with each piece changed that lies within a string, or between two. */
function inStrings(expr: string, change: (piece: string, spot: Spot) => string): string {
  let before = '';
  return (expr.match(PIECES) ?? [])
    .map((piece) => {
      const first = piece[0]!;
      const quote = first === '"' || first === "'" || first === '`' ? first : '';
      const changed = change(piece, { quote, regex: quote !== '' && /[=!]~\s*$/.test(before) });
      before = piece;
      return changed;
    })
    .join('');
}

/** A rule as a form shows it: its values as YAML has them, read and changed. Pure. */

export type Values = Readonly<Record<string, unknown>>;
export type Kind = 'simple' | 'promql' | 'ratio' | 'anomaly';
export const KINDS: readonly Kind[] = ['simple', 'promql', 'ratio', 'anomaly'];

/** `rows` are lines, each with these columns between commas. */
type Rows = { readonly rows: readonly string[] };
type Type = 'text' | 'mono' | 'number' | 'list' | 'pairs' | 'flag' | Rows | readonly string[];
export interface FieldOf {
  /** Where the value stands: `ratio.failed`. */
  key: string;
  type: Type;
  hint?: string;
}

const FLAGS = ['', 'true', 'false'];
/** Whether one of several is chosen. */
export function isOptions(type: Type): type is 'flag' | readonly string[] {
  return type === 'flag' || Array.isArray(type);
}
/** What can be chosen. */
export function optionsOf(type: 'flag' | readonly string[]): readonly string[] {
  return type === 'flag' ? FLAGS : type;
}

export const mono = (key: string, hint = ''): FieldOf => ({ key, type: 'mono', hint });
const SIMPLE: readonly FieldOf[] = [
  mono('metric', 'node_load1'),
  mono('where', 'host="web-1", device!~"loop.*"'),
  { key: 'by', type: 'list', hint: 'host, container' },
  mono('over', '15m'),
  { key: 'condition', type: ['average', 'every', 'any', 'sum'] },
  { key: 'percentile', type: 'number', hint: '95' },
  { key: 'min_samples', type: 'number', hint: '3' },
];

/** Fields of long texts, which take the whole width. */
export const WIDE = ['expr', 'where', 'ratio.failed', 'ratio.total'];

/** What is looked at, by kind. */
export const LOOKS: Record<Kind, readonly FieldOf[]> = {
  simple: SIMPLE,
  promql: [mono('expr', 'sum by (host) (rate(errors_total[5m]))')],
  ratio: [
    mono('ratio.failed', 'gwanje_fetch_total{outcome="failed"}'),
    mono('ratio.total', 'gwanje_fetch_total'),
    mono('ratio.over', '15m'),
    { key: 'ratio.by', type: 'list', hint: 'pipeline' },
    { key: 'ratio.min_samples', type: 'number', hint: '3' },
  ],
  anomaly: [
    mono('expr', 'node_load1'),
    { key: 'anomaly.method', type: ['zscore', 'robust', 'seasonal'] },
    { key: 'anomaly.window', type: 'number', hint: '100' },
    mono('anomaly.every', '1m'),
    mono('anomaly.season', '1d'),
    { key: 'anomaly.side', type: ['both', 'above', 'below'] },
  ],
};
export const THRESHOLDS: readonly FieldOf[] = [
  mono('warning', '>= 0.85'),
  mono('critical', '>= 0.95'),
  mono('clear', '< 0.80'),
];
export const TIMES: readonly FieldOf[] = [
  mono('for', '0s'),
  mono('clear_for', '0s'),
  mono('keep_firing_for', '0s'),
  mono('interval', '1s'),
  { key: 'no_data', type: ['keep', 'alert', 'breach', 'ok'] },
  { key: 'unit', type: ['', 'ratio', 'bytes', 'seconds', 'count'] },
];
export const SAID: readonly FieldOf[] = [
  { key: 'annotations.summary.ko', type: 'text' },
  { key: 'annotations.summary.en', type: 'text' },
  { key: 'annotations.runbook', type: 'text', hint: 'https://' },
  { key: 'labels', type: 'pairs', hint: 'team=ops' },
];

const OF_KINDS = [
  'expr',
  'ratio',
  'metric',
  'where',
  'by',
  'over',
  'condition',
  'percentile',
  'min_samples',
  'anomaly',
];

/** What a new rule begins with. */
export const FRESH: Values = { name: '', metric: '' };

export function kindOf(values: Values): Kind {
  if (isMap(values['anomaly'])) return 'anomaly';
  if (values['ratio'] !== undefined) return 'ratio';
  return values['expr'] !== undefined ? 'promql' : 'simple';
}

/** The values as another kind of rule: what is looked at begins anew, the rest stays. An expression is kept where both have one. */
export function withKind(values: Values, kind: Kind): Values {
  const rest = Object.fromEntries(Object.entries(values).filter(([key]) => !OF_KINDS.includes(key)));
  const expr = values['expr'] ?? values['metric'] ?? '';
  switch (kind) {
    case 'simple':
      return { ...rest, metric: '' };
    case 'promql':
      return { ...rest, expr };
    case 'ratio':
      return { ...rest, ratio: { failed: '', total: '', over: '15m' } };
    case 'anomaly':
      return { ...rest, expr, anomaly: { method: 'zscore' } };
  }
}

/** The fields of an anomaly look at a metric where the text does. */
export function looksOf(values: Values): readonly FieldOf[] {
  const kind = kindOf(values);
  if (kind !== 'anomaly' || values['metric'] === undefined) return LOOKS[kind];
  return [...SIMPLE.slice(0, 3), ...LOOKS.anomaly.slice(1)];
}

/** What a field shows. */
export function shownAt(values: Values, { key, type }: FieldOf): string {
  const value = at(values, key);
  if (value === undefined || value === null) return '';
  if (type === 'list') return Array.isArray(value) ? value.map(String).join(', ') : String(value);
  if (type === 'pairs')
    return isMap(value)
      ? Object.entries(value)
          .map(([name, text]) => `${name}=${String(text)}`)
          .join('\n')
      : '';
  if (isRows(type)) return Array.isArray(value) ? value.map((row) => lineOf(row, type.rows)).join('\n') : String(value);
  return isMap(value) ? '' : String(value);
}

/** The values after a field was filled in; an empty one is left out, unless it says what the rule looks at. */
export function filled(values: Values, { key, type }: FieldOf, typed: string): Values {
  return put(values, key.split('.'), valueOf(type, typed), !NEEDED.includes(key));
}
const NEEDED = ['name', 'expr', 'metric', 'ratio.failed', 'ratio.total', 'ratio.over'];

function valueOf(type: Type, typed: string): unknown {
  const text = typed.trim();
  if (text === '') return undefined;
  if (type === 'number') return Number.isFinite(Number(text)) ? Number(text) : text;
  if (type === 'list') return parts(text, ',');
  if (type === 'pairs')
    return Object.fromEntries(
      parts(text, '\n').map((line) => {
        const [name = '', ...rest] = line.split('=');
        return [name.trim(), rest.join('=').trim()];
      }),
    );
  if (type === 'flag') return text === 'true';
  if (isRows(type)) return parts(text, '\n').map((line) => rowOf(line, type.rows));
  return typed;
}

function isRows(type: Type): type is Rows {
  return typeof type === 'object' && 'rows' in type;
}

function lineOf(row: unknown, columns: readonly string[]): string {
  const cells = columns.map((column) => (isMap(row) ? String(row[column] ?? '') : ''));
  return cells.join(', ').replace(/(, )+$/, '');
}

function rowOf(line: string, columns: readonly string[]): Record<string, string> {
  const cells = line.split(',').map((cell) => cell.trim());
  return Object.fromEntries(
    columns.flatMap((column, index) => (cells[index] ? [[column, cells[index]] as const] : [])),
  );
}

function parts(text: string, between: string): string[] {
  return text
    .split(between)
    .map((part) => part.trim())
    .filter(Boolean);
}

function put(values: Values, [first = '', ...rest]: string[], value: unknown, optional: boolean): Values {
  const own = values[first];
  const inner = rest.length > 0 ? put(isMap(own) ? own : {}, rest, value, optional) : value;
  const nothing = inner === undefined || (rest.length > 0 && isMap(inner) && Object.keys(inner).length === 0);
  const others = Object.fromEntries(Object.entries(values).filter(([key]) => key !== first));
  if (!nothing) return { ...values, [first]: inner };
  return optional ? others : { ...values, [first]: '' };
}

function at(values: Values, key: string): unknown {
  return key.split('.').reduce<unknown>((value, part) => (isMap(value) ? value[part] : undefined), values);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

import { describe, expect, test } from 'vitest';
import type { Panel } from '../src/lib/api';
import {
  gaugeEnds,
  labelsIn,
  lastPoint,
  legendOf,
  ordered,
  pointsOf,
  severityOf,
  sharesOf,
  sortedRows,
  stacked,
  stateOf,
  stretchesOf,
  tableOf,
  withCurves,
  type Found,
} from '../src/lib/panels';

const found = (host: string, value: number | null, query = 0): Found => ({
  query,
  metric: { host },
  name: host,
  values: [],
  value,
});
const limits = {
  thresholds: [
    { at: 0.8, severity: 'warning' as const },
    { at: 0.9, severity: 'critical' as const },
  ],
  above: true,
};

describe('the name of a series', () => {
  test.each<[string, Record<string, string>, string]>([
    ['{{host}} {{ mode }}', { host: 'web-1', mode: 'idle' }, 'web-1 idle'],
    ['CPU {{missing}}', { host: 'web-1' }, 'CPU'],
    ['', { __name__: 'up', job: 'a', host: 'web"1' }, 'up{job="a", host="web\\"1"}'],
    ['', { __name__: 'up' }, 'up'],
    ['', {}, ''],
  ])('by %j of %o is %j', (template, metric, name) => {
    expect(legendOf(template, metric)).toBe(name);
  });
});

describe('a value against its thresholds', () => {
  test.each<[number | null, string | null]>([
    [0.79, null],
    [0.8, 'warning'],
    [0.9, 'critical'],
    [null, null],
  ])('%s is %s', (value, severity) => {
    expect(severityOf(value, limits)).toBe(severity);
  });

  test('is bad below them where the panel says so', () => {
    const below = {
      thresholds: [
        { at: 10, severity: 'warning' as const },
        { at: 5, severity: 'critical' as const },
      ],
      above: false,
    };
    expect([11, 10, 5].map((value) => severityOf(value, below))).toEqual([null, 'warning', 'critical']);
  });

  test('is first what its mapping says; nobody knows what is not there', () => {
    const mappings = [
      { value: 1, text: { ko: '', en: 'up' }, severity: 'ok' as const },
      { value: 0, text: { ko: '', en: 'down' }, severity: 'critical' as const },
    ];
    expect([1, 0, 0.85, null].map((value) => stateOf(value, { ...limits, mappings }))).toEqual([
      null,
      'critical',
      'warning',
      'unknown',
    ]);
  });
});

test.each<[Panel['sort'], string[]]>([
  ['value', ['web-10', 'web-2', 'web-1', 'db-1']],
  ['-value', ['web-1', 'web-2', 'web-10', 'db-1']],
  ['label', ['db-1', 'web-1', 'web-2', 'web-10']],
  ['', ['web-10', 'web-1', 'db-1', 'web-2']],
])('sorted by %j, an unknown value is last', (sort, names) => {
  const all = [found('web-10', 1), found('web-1', 9), found('db-1', null), found('web-2', 3)];
  expect(ordered(all, sort).map(({ name }) => name)).toEqual(names);
});

test('layers lie on each other; what is missing adds nothing, and where all are missing there is a gap', () => {
  expect(
    stacked([
      [1, 2, null, null],
      [10, null, null, 5],
    ]),
  ).toEqual([
    [1, 2, null, 0],
    [11, 2, null, 5],
  ]);
});

test('shares are those of the known and positive values', () => {
  expect(sharesOf([3, null, 1, -5])).toEqual([0.75, 0, 0.25, 0]);
  expect(sharesOf([0, null])).toEqual([0, 0]);
});

describe('a table', () => {
  const rows = tableOf([found('web-2', 1), found('web-10', 2), found('web-2', 7, 1)], ['host'], 2);
  test('has a row for each set of labels, and a value of every query', () => {
    expect(rows.map(({ labels, values }) => [...labels, ...values])).toEqual([
      ['web-2', 1, 7],
      ['web-10', 2, null],
    ]);
  });
  test('is sorted by any column; unknown is last either way', () => {
    const by = (column: number, down: boolean) => sortedRows(rows, { column, down }).map(({ labels }) => labels[0]);
    expect(by(0, false)).toEqual(['web-2', 'web-10']);
    expect(by(1, true)).toEqual(['web-10', 'web-2']);
    expect([by(2, true), by(2, false)]).toEqual([
      ['web-2', 'web-10'],
      ['web-2', 'web-10'],
    ]);
  });
  test('shows every label where it was told none', () => {
    expect(labelsIn([{ ...found('a', 1), metric: { __name__: 'up', job: 'b', host: 'a' } }])).toEqual(['host', 'job']);
  });
});

test('a state lasts until another begins', () => {
  expect(stretchesOf([1, 1, 0, null, null, 1], { start: 100, end: 150, step: 10 })).toEqual([
    { start: 100, end: 120, value: 1 },
    { start: 120, end: 130, value: 0 },
    { start: 130, end: 150, value: null },
  ]);
});

test('an answer of one instant has one point a series, whatever its form', () => {
  expect(pointsOf({ resultType: 'vector', result: [{ metric: { a: '1' }, value: [5, '2'] }] })).toEqual([
    { metric: { a: '1' }, values: [[5, '2']] },
  ]);
  expect(pointsOf({ resultType: 'scalar', result: [5, '3'] })).toEqual([{ metric: {}, values: [[5, '3']] }]);
  expect(lastPoint([[5, '+Inf']])).toBe(null);
  expect(lastPoint([[5, 'NaN']])).toBeNull();
  expect(lastPoint([[5, '2.5']])).toBe(2.5);
  expect(lastPoint([])).toBeNull();
});

test('a value takes the curve of the same query and labels; a curve without a value is of what stopped', () => {
  const curves = ['web-1', 'gone'].map((host) => ({ ...found(host, 4), values: [3, 4] }));
  const points = [found('web-1', 5), found('web-2', 1), found('web-1', 6, 1)];
  expect(withCurves(points, curves).map(({ name, query, value, values }) => [name, query, value, ...values])).toEqual([
    ['web-1', 0, 5, 3, 4],
    ['gone', 0, null, 3, 4],
    ['web-2', 0, 1],
    ['web-1', 1, 6],
  ]);
});

test.each<[string, Partial<Panel>, number, { low: number; high: number }]>([
  ['a share ends at a whole', { unit: 'ratio' }, 0.4, { low: 0, high: 1 }],
  ['per cent at a hundred', { unit: 'percent' }, 40, { low: 0, high: 100 }],
  ['the file fixes the ends', { unit: 'none', min: 10, max: 20 }, 12, { low: 10, high: 20 }],
  [
    'else it is round, thresholds within',
    { unit: 'none', thresholds: [{ at: 70, severity: 'warning' }] },
    12,
    { low: 0, high: 100 },
  ],
])('a gauge: %s', (_, panel, value, ends) => {
  expect(gaugeEnds({ min: null, max: null, unit: 'none', thresholds: [], ...panel }, [found('a', value)])).toEqual(
    ends,
  );
});

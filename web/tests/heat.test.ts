import { describe, expect, test } from 'vitest';
import { levelOf, LEVELS, mostIn, rowsOf, upToLevel } from '../src/lib/heat';
import type { Found } from '../src/lib/panels';

const bucket = (le: string, ...values: (number | null)[]): Found => ({
  query: 0,
  metric: { le },
  name: le,
  values,
  value: values.at(-1) ?? null,
});

describe('the buckets of a histogram', () => {
  test('count what is above the bucket below, lowest first, the open one last', () => {
    const found = [bucket('+Inf', 10, 12), bucket('0.1', 4, 4), bucket('2', 9, 10), bucket('10', 10, 11)];
    expect(rowsOf(found)).toEqual([
      { le: 0.1, above: null, counts: [4, 4] },
      { le: 2, above: 0.1, counts: [5, 6] },
      { le: 10, above: 2, counts: [1, 1] },
      { le: Infinity, above: 10, counts: [0, 1] },
    ]);
  });

  test('are unknown where a bucket was not counted, and never less than nothing', () => {
    expect(rowsOf([bucket('1', 3, null, 5), bucket('2', 3, 4, 4.9)]).map(({ counts }) => counts)).toEqual([
      [3, null, 5],
      [0, null, 0],
    ]);
  });

  test('of several series are those of all of them', () => {
    expect(rowsOf([bucket('1', 1, null), bucket('1.0', 2, 5)])).toEqual([{ le: 1, above: null, counts: [3, 5] }]);
  });

  test('need the label le', () => {
    expect(rowsOf([{ ...bucket('1', 1), metric: { host: 'web-1' } }, bucket('wide', 1)])).toEqual([]);
  });
});

describe('the colour of a cell', () => {
  test('shows a few beside thousands, and nothing as nothing', () => {
    expect([0, 1, 40, 160, 360, 640, 1000].map((count) => levelOf(count, 1000))).toEqual([0, 1, 1, 2, 3, 4, 5]);
    expect(levelOf(0, 0)).toBe(0);
  });

  test('goes up to what the legend says', () => {
    for (let level = 1; level <= LEVELS; level += 1) expect(levelOf(upToLevel(level, 700), 700)).toBe(level);
  });

  test('is held against the highest count of all', () => {
    expect(mostIn(rowsOf([bucket('1', 3, null), bucket('2', 3, 9)]))).toBe(3);
    expect(mostIn([])).toBe(0);
  });
});

import { describe, expect, test } from 'vitest';
import {
  align,
  bestOf,
  fixedWindow,
  gapsOf,
  lastKnown,
  lastWindow,
  pathOf,
  rangeAround,
  rangeFromZero,
  rangeWithin,
  stepFor,
  timeTicks,
  timesOf,
  valueAtEnd,
} from '../src/lib/series';

const window = { start: 1000, end: 1100, step: 10 };

test('missing steps are null, and values beside the step go to the nearest', () => {
  const values: [number, string][] = [
    [1000, '1'],
    [1010, '2.5'],
    [1040.2, '4'],
    [1050, 'NaN'],
    [1200, '9'],
  ];
  expect(align(values, window)).toEqual([1, 2.5, null, null, 4, null, null, null, null, null, null]);
});

test('there is one instant a step, both ends counted', () => {
  expect(timesOf(window)).toEqual([1000, 1010, 1020, 1030, 1040, 1050, 1060, 1070, 1080, 1090, 1100]);
});

describe('a gap', () => {
  const _ = null;
  test('lies between two known values, from the last before to the first after', () => {
    expect(gapsOf([[1, 1, _, _, _, 1, 1, 1, 1, 1, 1]], window)).toEqual([{ start: 1010, end: 1050, where: 'middle' }]);
  });
  test('is none while another line goes on', () => {
    expect(
      gapsOf(
        [
          [1, 1, _, _, _, 1, 1, 1, 1, 1, 1],
          [1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1],
        ],
        window,
      ),
    ).toEqual([]);
  });
  test('of a single step is not worth a word', () => {
    expect(gapsOf([[1, 1, _, 1, 1, 1, 1, 1, 1, 1, 1]], window)).toEqual([]);
  });
  test('is none before the first value, where nobody measured', () => {
    expect(gapsOf([[_, _, _, _, _, _, 1, 1, 1, 1, 1]], window)).toEqual([]);
  });
  test('at the end lasts until now, once it is longer than a late sample', () => {
    expect(gapsOf([[1, 1, 1, 1, 1, 1, _, _, _, _, _]], window)).toEqual([{ start: 1050, end: 1100, where: 'end' }]);
    expect(gapsOf([[1, 1, 1, 1, 1, 1, 1, 1, _, _, _]], window)).toEqual([]);
  });
  test('is none where nothing is known at all', () => {
    expect(gapsOf([[_, _, _]], { start: 0, end: 20, step: 10 })).toEqual([]);
  });
});

test('a value at the end may be a late sample old, and no older', () => {
  const _ = null;
  expect(valueAtEnd([1, 2, 3, _, _, _], window)).toBe(3);
  expect(valueAtEnd([1, 2, _, _, _, _], window)).toBeNull();
  expect(valueAtEnd([1, 2, _, _, _], { ...window, step: 600 })).toBeNull();
});

test('windows lie on round steps, so that a curve does not tremble', () => {
  expect(stepFor(3600)).toBe(15);
  expect(lastWindow(3600, 100_007)).toEqual({ start: 96_405, end: 100_005, step: 15 });
  expect(lastWindow(3600, 100_019)).toEqual(lastWindow(3600, 100_007));
  expect(fixedWindow(1003, 1957)).toEqual({ start: 1000, end: 1960, step: 5 });
});

test('time ticks are round in the zone of the viewer', () => {
  const day = { start: 0, end: 86_400, step: 300 };
  const half = 19_800; // India: five hours and a half
  expect(timeTicks(day, 4, half).map((at) => (at + half) % 21_600)).toEqual([0, 0, 0, 0]);
});

test('an axis from zero has room for the values and the thresholds', () => {
  expect(rangeFromZero({ lines: [[3, null, 7]] }, '')).toEqual({ low: 0, high: 10, ticks: [0, 5, 10] });
  expect(rangeFromZero({ lines: [[0.2]] }, 'ratio', 1).high).toBe(1);
  expect(rangeFromZero({ lines: [[1]], marks: [32] }, 'load').high).toBeGreaterThanOrEqual(32);
});

test('an axis ends at a round value, not at the next one above', () => {
  expect(rangeFromZero({ lines: [[1]] }, '').high).toBe(1);
  expect(rangeFromZero({ lines: [[0.99]] }, '').high).toBe(2);
});

test('an axis has the ends that somebody fixed', () => {
  const natural = { low: 0, high: 10, ticks: [0, 5, 10] };
  expect(rangeWithin(natural, null, null)).toEqual(natural);
  expect(rangeWithin(natural, 4, null)).toEqual({ low: 4, high: 10, ticks: [4, 7, 10] });
  expect(rangeWithin(natural, null, 100)).toEqual({ low: 0, high: 100, ticks: [0, 50, 100] });
  expect(rangeWithin(natural, 20, null)).toEqual({ low: 20, high: 21, ticks: [20, 20.5, 21] });
});

test('an axis close around a ratio stays within 0 and 1 and shows the threshold', () => {
  const { low, high } = rangeAround({ lines: [[0.74, 0.96]], marks: [0.95] }, 'ratio');
  expect(low).toBeGreaterThan(0.5);
  expect(low).toBeLessThanOrEqual(0.74);
  expect(high).toBe(1);
});

test('of several answers the one with the labels of the alert is meant', () => {
  const found = ['/', '/var'].map((mountpoint) => ({ metric: { host: 'web-1', mountpoint }, values: [] }));
  expect(bestOf(found, { host: 'web-1', mountpoint: '/var' })?.metric['mountpoint']).toBe('/var');
  expect(bestOf([], {})).toBeNull();
});

test('a path lifts the pen at a gap, and makes a dot of a value alone', () => {
  expect(pathOf([0, 10, null, 10, 0], 0, 10, 40, 10)).toBe('M0.0 10.0L10.0 0.0M30.0 0.0L40.0 10.0');
  expect(pathOf([null, 5, null], 0, 10, 40, 10)).toBe('M20.0 5.0h0');
  expect(lastKnown([1, 2, null])).toBe(2);
});

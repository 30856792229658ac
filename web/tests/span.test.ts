import { describe, expect, test } from 'vitest';
import {
  comesBefore,
  endOf,
  isLive,
  lastSeconds,
  short,
  stretchOf,
  textOf,
  typedEnd,
  typedText,
  windowOf,
  type End,
} from '../src/lib/span';

describe('an end in the address', () => {
  test.each<[string, End]>([
    ['now', { back: 0 }],
    ['now-15m', { back: 900 }],
    ['now-1h30m', { back: 5400 }],
    ['now-30d', { back: 2_592_000 }],
    ['1795236000000', { at: 1_795_236_000 }],
    ['1795236000500', { at: 1_795_236_000.5 }],
  ])('%s is read, and written so that it is read as the same', (text, end) => {
    expect(endOf(text)).toEqual(end);
    expect(endOf(textOf(end))).toEqual(end);
  });

  test.each(['', 'now-', 'now-5', 'now+1h', '-1h', 'yesterday', '12.5', 'now-1h '])('%j means nothing', (text) => {
    expect(endOf(text)).toBeNull();
  });
});

test.each([
  [900, '15m'],
  [5400, '90m'],
  [86_400, '1d'],
  [3601, '3601s'],
])('%d seconds are %s', (seconds, said) => {
  expect(short(seconds)).toBe(said);
});

describe('a stretch', () => {
  const usual = { from: { back: 3600 }, to: { back: 0 } };
  test.each<[string, string, string]>([
    ['nothing', '', ''],
    ['an end without a beginning', '', 'now-1h'],
    ['a beginning that means nothing', 'then', 'now'],
    ['an end before its beginning', '2000', '1000'],
    ['an end before its beginning, both before now', 'now-1h', 'now-2h'],
  ])('of %s is the usual one', (_, from, to) => {
    expect(stretchOf(from, to, 3600)).toEqual(usual);
  });

  test('without an end lasts until now', () => {
    expect(stretchOf('now-6h', '', 3600)).toEqual({ from: { back: 21_600 }, to: { back: 0 } });
  });

  test('is live while its end is now', () => {
    expect(isLive(stretchOf('now-6h', 'now', 3600))).toBe(true);
    expect(isLive(stretchOf('now-6h', 'now-1h', 3600))).toBe(false);
    expect(lastSeconds(stretchOf('now-6h', 'now', 3600))).toBe(21_600);
    expect(lastSeconds(stretchOf('1000', 'now', 3600))).toBeNull();
  });

  test('from an instant to a time before now may be right', () => {
    expect(comesBefore({ at: 5 }, { back: 0 })).toBe(true);
  });
});

describe('the steps of a stretch', () => {
  test('that moves are round, and the same until the next step', () => {
    const last = stretchOf('now-1h', 'now', 3600);
    expect(windowOf(last, 100_007)).toEqual({ start: 96_405, end: 100_005, step: 15 });
    expect(windowOf(last, 100_019)).toEqual(windowOf(last, 100_007));
  });
  test('that is fixed hold both ends', () => {
    expect(windowOf(stretchOf('1003000', '1957000', 3600), 9e9)).toEqual({ start: 1000, end: 1960, step: 5 });
  });
  test('become coarser with its length, so that a chart asks for some hundred of them', () => {
    const counts = ['15m', '1h', '3h', '6h', '1d', '2d', '7d', '30d', '52w'].map((back) => {
      const { start, end, step } = windowOf(stretchOf(`now-${back}`, 'now', 3600), 1_795_236_007);
      return (end - start) / step;
    });
    expect(Math.min(...counts)).toBeGreaterThan(100);
    expect(Math.max(...counts)).toBeLessThan(500);
  });
  test('are at least one where the beginning has not come yet', () => {
    const { start, end } = windowOf({ from: { at: 2000 }, to: { back: 0 } }, 1000);
    expect(end).toBeGreaterThan(start);
  });
});

describe('what somebody types', () => {
  test.each<[string, End]>([
    ['now-2h', { back: 7200 }],
    ['now - 2h', { back: 7200 }],
    [' now ', { back: 0 }],
    // The viewer of these tests is in Seoul, nine hours before UTC.
    ['2026-11-21 09:30', { at: Date.UTC(2026, 10, 21, 0, 30) / 1000 }],
    ['2026-11-21T09:30:15', { at: Date.UTC(2026, 10, 21, 0, 30, 15) / 1000 }],
    ['2026-11-21', { at: Date.UTC(2026, 10, 20, 15) / 1000 }],
  ])('%s is an end', (typed, end) => {
    expect(typedEnd(typed)).toEqual(end);
    expect(typedEnd(typedText(end))).toEqual(end);
  });
  test.each(['', 'soon', '2026-02-30', '2026-13-01', '2026-11-21 25:00', '2026-11-21 09:61', '21.11.2026'])(
    '%j is none',
    (typed) => {
      expect(typedEnd(typed)).toBeNull();
    },
  );
});

import { expect, test } from 'vitest';
import { daysOf, inkOf } from '../src/lib/hours';

const at = (day: number, hour: number) => new Date(2026, 10, day, hour).getTime();

test('alerts stand in the day and hour of the clock in which they began, the newest day first', () => {
  const found = [
    { at: at(19, 23), fired: 2 },
    { at: at(21, 0), fired: 1 },
    { at: at(22, 5), fired: 9 },
  ];
  const days = daysOf(found, [], at(19, 0), at(22, 0), 31);
  expect(days.map(({ day, fired }) => [day, fired])).toEqual([
    ['2026-11-21', 1],
    ['2026-11-20', 0],
    ['2026-11-19', 2],
  ]);
  expect(days[2]!.hours[23]).toBe(2);
  expect(days[0]!.at).toBe(at(21, 0));
  expect(daysOf(found, [], at(19, 0), at(22, 0), 2)).toHaveLength(2);
});

test('amounts are greys: none has none, the most the darkest', () => {
  expect([0, 1, 5, 10].map((fired) => inkOf(fired, 10))).toEqual([null, 'a', 'c', 'e']);
  expect(inkOf(1, 1)).toBe('e');
});

test('what nobody evaluated stands in the hour in which it lay', () => {
  const [today, before] = daysOf([], [{ at: at(20, 23), seconds: 900 }], at(20, 0), at(22, 0), 31);
  expect(before!.unjudged[23]).toBe(900);
  expect([...today!.unjudged, ...before!.unjudged].filter(Boolean)).toHaveLength(1);
});

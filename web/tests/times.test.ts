import { expect, test } from 'vitest';
import { clock, dayOf, duration, exact, startOfDay, weekday, type Lang } from '../src/lib/times';

const SEOUL = 'Asia/Seoul';
const NOW = Date.UTC(2026, 10, 20, 17, 25, 6, 42); // 02:25:06 on the 21st in Seoul

test.each<[number, Lang, string]>([
  [840, 'ko', '0.8초'],
  [2000, 'ko', '2초'],
  [40_000, 'en', '40 s'],
  [60_000, 'ko', '1분'],
  [140_000, 'ko', '2분 20초'],
  [140_000, 'en', '2 min 20 s'],
  [13_260_000, 'ko', '3시간 41분'],
  [13_260_000, 'en', '3 h 41 min'],
  [61 * 86_400_000, 'ko', '61일'],
  [90_000_000, 'en', '1 d 1 h'],
  [-5, 'en', '0.0 s'],
])('%d ms in %s is %s', (length, lang, said) => {
  expect(duration(length, lang)).toBe(said);
});

test('a column takes the first part only', () => {
  expect(duration(13_260_000, 'ko', { parts: 1 })).toBe('3시간');
});

test('today is a clock, another day has its date, another year its year', () => {
  expect(clock(NOW, NOW, { zone: SEOUL })).toBe('02:25:06');
  expect(clock(NOW, NOW, { zone: SEOUL, seconds: false })).toBe('02:25');
  expect(clock(NOW - 3 * 3_600_000, NOW, { zone: SEOUL })).toBe('11-20 23:25');
  expect(clock(NOW - 366 * 86_400_000, NOW, { zone: SEOUL })).toBe('2025-11-20 02:25');
});

test('what is today depends on the zone of the viewer', () => {
  const evening = NOW - 3 * 3_600_000;
  expect(clock(evening, NOW, { zone: 'UTC' })).toBe('14:25:06');
  expect(clock(evening, NOW, { zone: SEOUL })).toBe('11-20 23:25');
});

test('a hover shows the whole instant with its zone', () => {
  expect(exact(NOW, SEOUL)).toBe('2026-11-21 02:25:06.042 (Asia/Seoul)');
});

test('days sort as text, and a day begins at midnight in the zone of the viewer', () => {
  expect(dayOf(NOW, SEOUL)).toBe('2026-11-21');
  expect(startOfDay('2026-11-21')).toBe(Date.UTC(2026, 10, 20, 15));
  expect(startOfDay('yesterday')).toBeNull();
  expect(weekday(NOW, 'ko', SEOUL)).toBe('토');
  expect(weekday(NOW, 'en', SEOUL)).toBe('Sat');
});

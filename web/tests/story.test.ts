import { expect, test } from 'vitest';
import type { Attempt, Transition } from '../src/lib/api';
import { failRates } from '../src/lib/fetching';
import { byReceiver, chapters, stretches, storyWindow } from '../src/lib/story';

const M = 60_000;
const change = (at: number, before: string, after: string, severity: Transition['severity']): Transition => ({
  at,
  kind: 'transition',
  before,
  after,
  severity,
  value: 0.9,
  because: '',
  reason: null,
});
const attempt = (at: number, receiver: string, outcome: Attempt['outcome']): Attempt => ({
  at,
  kind: 'attempt',
  receiver,
  reason: 'first',
  outcome,
  status: 200,
  latency_ms: 1,
  error: '',
});
const story = [
  attempt(25 * M, 'ops-hook', 'sent'),
  change(25 * M, 'firing', 'firing', 'critical'),
  attempt(21 * M, 'ops-slack', 'sent'),
  attempt(20 * M, 'ops-slack', 'later'),
  change(20 * M, 'pending', 'firing', 'warning'),
  change(15 * M, 'ok', 'pending', 'warning'),
];

test('the lane of states covers the window without holes', () => {
  const lane = stretches(story, { start: 600, end: 1800, step: 5 }, 15 * M);
  expect(lane.map(({ left, width, state, severity }) => [left, width, state, severity])).toEqual([
    [0, 25, 'ok', null],
    [25, 25, 'pending', 'warning'],
    [50, 25, 'firing', 'warning'],
    [75, 25, 'firing', 'critical'],
  ]);
});

test('each attempt stands under the change that caused it, newest first', () => {
  expect(
    chapters(story).map(({ before, after, attempts }) => [before, after, attempts.map(({ outcome }) => outcome)]),
  ).toEqual([
    ['warning', 'critical', ['sent']],
    ['pending', 'warning', ['later', 'sent']],
    ['ok', 'pending', []],
  ]);
});

test('each receiver has its lane, in the order of the first attempt', () => {
  expect(byReceiver(story).map(([receiver, attempts]) => [receiver, attempts.length])).toEqual([
    ['ops-slack', 2],
    ['ops-hook', 1],
  ]);
});

test('a story is shown with at least ten minutes around it, never with a future', () => {
  expect(storyWindow(60 * M, 62 * M, 65 * M, false)).toMatchObject({ start: 50 * 60, end: 65 * 60 });
  expect(storyWindow(60 * M, 70 * M, 70 * M, true)).toMatchObject({ start: 50 * 60, end: 70 * 60 });
});

test('the fail rate counts the fetches of its span, without the cancelled ones', () => {
  const recent = [
    { at: 0, outcome: 'failed', latency_ms: 1 },
    { at: 5 * M, outcome: 'cancelled', latency_ms: 1 },
    { at: 10 * M, outcome: 'succeeded', latency_ms: 1 },
    { at: 16 * M, outcome: 'succeeded', latency_ms: 1 },
  ] as const;
  expect(failRates(recent, 15 * M)).toEqual([1, 0.5, 0]);
});

import { expect, test } from 'vitest';
import type { Attempt, Muted, Transition } from '../src/lib/api';
import { failRates } from '../src/lib/fetching';
import { byReceiver, chapters, mutedLanes, stretches, storyWindow } from '../src/lib/story';

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

test('what mutes at the same time lies in lanes of its own, and what lasts reaches the edge', () => {
  const muted = (what: Muted['what'], from: number, to: number | null): Muted => ({
    what,
    from: from * M,
    to: to === null ? null : to * M,
    name: '',
    who: '',
    why: '',
    receiver: '',
    until: null,
  });
  const lanes = mutedLanes(
    [muted('silenced', 12, 20), muted('inhibited', 15, null), muted('maintenance', 20, 25), muted('flapping', 5, 12)],
    { start: 600, end: 1800, step: 5 },
  );
  expect(lanes.map((lane) => lane.map((one) => [one.muted.what, one.left, one.width]))).toEqual([
    [
      ['flapping', 0, 10],
      ['silenced', 10, 40],
      ['maintenance', 50, 25],
    ],
    [['inhibited', 25, 75]],
  ]);
});

test('an attempt stands under what caused it, not under a silence that began meanwhile', () => {
  const line = (at: number, code: string): Transition => ({
    ...change(at, 'firing', 'firing', 'warning'),
    reason: { code, values: {} },
  });
  const began = change(20 * M, 'ok', 'firing', 'warning');
  const told = [attempt(31 * M, 'ops', 'sent'), line(30 * M, 'silenced_over')];
  const found = chapters([...told, attempt(21 * M, 'ops', 'sent'), line(20 * M, 'silenced'), began]);
  expect(found.map(({ attempts }) => attempts.length)).toEqual([1, 0, 1]);
});

test('what changes no state divides neither the lane nor hides what came before it in the same moment', () => {
  const aside = { ...change(20 * M, 'firing', 'firing', 'warning'), because: 'silenced by kim' };
  const begun = change(20 * M, 'ok', 'firing', 'warning');
  const later = { ...aside, at: 25 * M };
  const newestFirst = [later, aside, begun];
  const lane = stretches(newestFirst, { start: 600, end: 1800, step: 5 }, 20 * M);
  expect(lane.map(({ width, state }) => [width, state])).toEqual([
    [50, 'ok'],
    [50, 'firing'],
  ]);
  expect(chapters(newestFirst).map(({ before, after }) => `${before} ${after}`)).toEqual([
    'warning warning',
    'warning warning',
    'ok warning',
  ]);
});

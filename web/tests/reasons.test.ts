import { expect, test } from 'vitest';
import type { Reason } from '../src/lib/api';
import { inWords } from '../src/lib/reasons';
import { reasons } from '../src/texts/reasons';

const STATES = { critical: '심각', warning: '경고' };
const crossed: Reason = {
  code: 'threshold_crossed',
  values: { value: 0.95, unit: 'ratio', note: '', operator: '>=', threshold: 0.9 },
};

test('a crossed threshold is said with its unit in the language of the reader', () => {
  expect(inWords('95.0 % is >= 90.0 %', crossed, 'ko', STATES)).toBe('95.0\u2009%, 한도 ≥ 90\u2009%');
  expect(inWords('95.0 % is >= 90.0 %', crossed, 'en', STATES)).toBe('95.0\u2009% is ≥ 90\u2009%');
});

test('a reason that says more of another one has that one in its words', () => {
  const held: Reason = { code: 'held', values: { what: crossed, seconds: 300 } };
  expect(inWords('', held, 'ko', STATES)).toBe('95.0\u2009%, 한도 ≥ 90\u2009% (300\u2009s 동안 계속)');
  const rose: Reason = { code: 'severity_changed', values: { before: 'warning', after: 'critical', what: crossed } };
  expect(inWords('', rose, 'ko', STATES)).toBe('경고 → 심각: 95.0\u2009%, 한도 ≥ 90\u2009%');
});

test('of what a value was made stands behind it', () => {
  const share: Reason = { code: 'share', values: { part: 2, whole: 8, seconds: 900, needed: null } };
  const noted: Reason = { ...crossed, values: { ...crossed.values, note: share } };
  expect(inWords('', noted, 'en', STATES)).toBe('95.0\u2009% (2 of 8 in 15\u2009min) is ≥ 90\u2009%');
});

test('a sentence without a code, or of an unknown one at any depth, is shown as it is', () => {
  const unknown: Reason = { code: 'of tomorrow', values: {} };
  expect(inWords('of yesterday', null, 'ko', STATES)).toBe('of yesterday');
  expect(inWords('of tomorrow', unknown, 'ko', STATES)).toBe('of tomorrow');
  expect(inWords('more', { code: 'again', values: { what: unknown } }, 'ko', STATES)).toBe('more');
});

test('no text of a language asks for what its other language does not', () => {
  for (const code of Object.keys(reasons.ko) as (keyof typeof reasons.ko)[]) {
    const names = (['ko', 'en'] as const).map((lang) => {
      const found = new Set<string>();
      reasons[lang][code]((name) => (found.add(name), name));
      return [...found].toSorted();
    });
    expect(names[0]).toEqual(names[1]);
  }
});

test('a silence is said with who made it, why, and until when in the zone of the reader', () => {
  const until = new Date(2026, 2, 1, 19, 5).getTime();
  const silenced: Reason = { code: 'silenced', values: { name: 's-1', who: '김운영', why: '이전 작업', until } };
  expect(inWords('', silenced, 'ko', STATES)).toBe('김운영 님이 2026-03-01 19:05까지 무음: 이전 작업');
  expect(inWords('', silenced, 'en', STATES)).toBe('silenced by 김운영 until 2026-03-01 19:05: 이전 작업');
});

test('an action says since when its alert fires, in the zone of the reader, and which try it is', () => {
  const since = new Date(2026, 2, 1, 19, 5).getTime();
  const acted: Reason = { code: 'action_on_alert', values: { rule: 'web down', since, count: 1, most: 2 } };
  expect(inWords('', acted, 'ko', STATES)).toBe('web down 알림이 2026-03-01 19:05부터 계속됨, 2번 중 1번째');
  expect(inWords('', acted, 'en', STATES)).toBe('web down fires since 2026-03-01 19:05, try 1 of 2');
});

test('what came of an action is said in the language of the reader, with what it would have done inside', () => {
  const until = new Date(2026, 2, 1, 19, 5).getTime();
  const paused: Reason = { code: 'pipeline_paused', values: { name: 'collect', until } };
  expect(inWords('', paused, 'ko', STATES)).toBe('collect을(를) 2026-03-01 19:05까지 멈춤');
  const hold: Reason = { code: 'hold_at', values: { name: 'web', size: 3 } };
  const dry: Reason = {
    code: 'would_have_done',
    values: { what: { code: 'hold_for', values: { what: hold, seconds: 3600 } } },
  };
  expect(inWords('', dry, 'en', STATES)).toBe('would have done: hold web at 3 for 60\u2009min');
  const muted: Reason = { code: 'muted_meanwhile', values: { muted: 'silenced, mute window' } };
  expect(inWords('', { code: 'not_any_more', values: { what: muted } }, 'ko', STATES)).toBe(
    '이제 하지 않음: 무음, 조용한 시간',
  );
});

test('what a program said is shown as it said it', () => {
  expect(inWords('restarted', null, 'ko', STATES)).toBe('restarted');
});

import { expect, test } from 'vitest';
import type { Pipeline } from '../src/lib/api';
import { isFailing, markOfPipeline, pausedUntil, stateOfPipeline, summaryOf } from '../src/lib/pipelines';
import { en } from '../src/texts/en';
import { ko } from '../src/texts/ko';

const NOW = new Date(2026, 2, 1, 12, 0).getTime();
const PAUSED = { by: 'kim', why: 'the site moves', since: NOW, until: new Date(2026, 2, 1, 18, 0).getTime() };
const PIPELINE: Pipeline = {
  name: 'collect',
  title: { ko: '수집', en: 'Collect' },
  on: true,
  off_because: null,
  paused: null,
  schedule: '*/5 * * * *',
  next_at: null,
  url: '',
  running: false,
  last: null,
  fail_rate: { failed: 3, total: 4, window_seconds: 900 },
  latency_p95_ms: null,
  recent: [],
  on_success: null,
  on_failure: null,
};
const failed = { ...PIPELINE, last: { outcome: 'failed' } as Pipeline['last'] };

test('a pipeline that is paused is not failing, whatever its last fetch was', () => {
  expect([stateOfPipeline(failed, []), isFailing(failed, [])]).toEqual(['failing', true]);
  const paused = { ...failed, paused: PAUSED };
  expect([stateOfPipeline(paused, []), isFailing(paused, [])]).toEqual(['paused', false]);
  expect(markOfPipeline('paused')).toBe('pause');
});

test('what is under way is seen though it is paused, and off goes before all', () => {
  expect(stateOfPipeline({ ...PIPELINE, paused: PAUSED, running: true }, [])).toBe('running');
  expect(stateOfPipeline({ ...PIPELINE, paused: PAUSED, on: false }, [])).toBe('off');
});

test('a pause says by whom and until when, in both languages', () => {
  expect(pausedUntil(PAUSED, en, NOW)).toBe('paused by kim until 18:00');
  expect(pausedUntil({ ...PAUSED, until: null }, ko, NOW)).toBe('kim: 다시 시작할 때까지 멈춤');
  expect(summaryOf({ ...PIPELINE, paused: PAUSED }, ko, 'ko', NOW)).toBe('kim: 18:00까지 멈춤');
});

import { describe, expect, test } from 'vitest';
import { begin, isStale, SILENCE, step, type Link, type Signal } from '../src/lib/link';

function story(start: Link, ...happened: [Signal, number][]): Link {
  return happened.reduce((link, [signal, at]) => step(link, signal, at), start);
}

describe('the live connection', () => {
  test('is live from the first word', () => {
    expect(story(begin(0), ['passed', 1000], ['heard', 1200])).toMatchObject({
      phase: 'live',
      heardAt: 1200,
      failed: 0,
    });
  });

  test('is lost after five silent seconds, and asked again at once', () => {
    const live = story(begin(0), ['heard', 1000]);
    expect(step(live, 'passed', 1000 + SILENCE).phase).toBe('live');
    const lost = step(live, 'passed', 1001 + SILENCE);
    expect(lost).toMatchObject({ phase: 'lost', retryAt: 1001 + SILENCE });
    expect(step(lost, 'passed', 1002 + SILENCE).phase).toBe('connecting');
  });

  test('waits longer after each failure, a quarter of a minute at most', () => {
    let link = begin(0);
    const waits: number[] = [];
    for (let now = 0; waits.length < 6; now = link.retryAt) {
      link = step(step(link, 'passed', now), 'failed', now);
      waits.push(link.retryAt - now);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 15_000, 15_000]);
  });

  test('forgets its failures when it is heard again', () => {
    const back = story(begin(0), ['failed', 0], ['passed', 1000], ['heard', 1100]);
    expect(back).toMatchObject({ phase: 'live', failed: 0 });
  });

  test('gives up a connection that never says a word', () => {
    expect(story(begin(0), ['passed', 10_001])).toMatchObject({ phase: 'lost', failed: 1 });
  });

  test('counts one failure once, however often it is reported', () => {
    const lost = story(begin(0), ['failed', 0]);
    expect(step(lost, 'failed', 10)).toBe(lost);
  });
});

test('what is on the screen is stale once nothing was heard for a while, also when nothing ever was', () => {
  const live = story(begin(0), ['heard', 1000]);
  const lost = story(live, ['failed', 2000]);
  expect(isStale(live, 60_000)).toBe(false);
  expect(isStale(lost, 3000)).toBe(false);
  expect(isStale(lost, 7000)).toBe(true);
  expect(isStale(begin(0), 3000)).toBe(false);
  expect(isStale(story(begin(0), ['failed', 10]), 6000)).toBe(true);
});

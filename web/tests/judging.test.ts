import { expect, test } from 'vitest';
import { asked, labelsOf, markOfRule, originSaid, placeOf, placesOf, said, written } from '../src/lib/judging';

const LIMIT = { operator: '>=', number: 0.85, from: '' };

test('a condition is read with its unit and written as in rules', () => {
  expect(said(LIMIT, 'ratio')).toBe('≥ 85\u2009%');
  expect(written(LIMIT)).toBe('>= 0.85');
  expect(written({ operator: '>=', number: 12345678.25, from: '' })).toBe('>= 12345678.25');
  expect(written(null)).toBe('');
});

test('a label set is set apart for its container, else for its host', () => {
  expect(placeOf({ host: 'web-1', container: 'nginx' })).toEqual({ scope: 'container', name: 'web-1/nginx' });
  expect(placeOf({ container: 'nginx' })).toEqual({ scope: 'container', name: 'nginx' });
  expect(placeOf({ host: 'web-1', device: 'sda' })).toEqual({ scope: 'host', name: 'web-1' });
  expect(placeOf({ pipeline: 'news' })).toBeNull();
});

test('places are suggested once each', () => {
  const labels = [{ host: 'web-1', container: 'nginx' }, { host: 'web-1' }, { pipeline: 'news' }];
  expect(placesOf('host', labels)).toEqual(['web-1']);
  expect(placesOf('container', labels)).toEqual(['web-1/nginx']);
  expect(placesOf('group', labels)).toEqual([]);
});

test('where a limit comes from is said in the language of the reader', () => {
  const scopes = { group: '그룹', host: '호스트', container: '컨테이너' };
  expect(originSaid('container web 1/nginx', scopes)).toBe('컨테이너 web 1/nginx');
});

test('a place leads back to the labels it speaks of', () => {
  expect(labelsOf('container', 'web-1/nginx')).toEqual({ host: 'web-1', container: 'nginx' });
  expect(labelsOf('container', 'nginx')).toEqual({ host: '', container: 'nginx' });
  expect(labelsOf('host', 'web-1')).toEqual({ host: 'web-1', container: '' });
  expect(labelsOf('group', 'webs')).toBeNull();
  expect(labelsOf('host', '')).toBeNull();
});

test('what is left empty is as in the wider place', () => {
  const place = { rule: 'disk', scope: 'host', name: ' web-1 ' } as const;
  expect(asked(place, { warning: ' ', critical: '>= 0.9 ', clear: '' })).toEqual({
    rule: 'disk',
    scope: 'host',
    name: 'web-1',
    warning: null,
    critical: '>= 0.9',
    clear: null,
  });
});

test.each([
  ['err', 'the query is wrong', { critical: 1 }],
  ['err', '', { critical: 1, error: 1 }],
  ['crit', '', { critical: 1, warning: 2, good: 3 }],
  ['warn', '', { warning: 2, good: 3 }],
  ['none', '', { stale: 1, good: 3 }],
  ['ok', '', { good: 3, between: 1 }],
])('a rule is marked %s by the worst of its last evaluation', (mark, failed, counts) => {
  expect(markOfRule({ enabled: true, last: { at: 0, seconds: 0, failed, reason: null, counts } })).toBe(mark);
});

test('a rule that is off or was not evaluated yet says so', () => {
  expect(markOfRule({ enabled: false, last: null })).toBe('pause');
  expect(markOfRule({ enabled: true, last: null })).toBe('wait');
});

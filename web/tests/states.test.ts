import { expect, test } from 'vitest';
import type { Alert, Host } from '../src/lib/api';
import {
  awayUntil,
  grouped,
  markOfAlert,
  markOfHost,
  markOfTally,
  openIn,
  shade,
  subject,
  worstFirst,
  worstHostsFirst,
} from '../src/lib/states';
import { ko } from '../src/texts/ko';

function alert(id: string, changes: Partial<Alert>): Alert {
  return {
    id,
    rule: 'memory high',
    labels: { host: 'web-1' },
    host: 'web-1',
    severity: 'warning',
    state: 'firing',
    since: 0,
    fired_at: 1,
    ended_at: null,
    ended_because: null,
    value: 0.9,
    peak: 0.9,
    operator: '>=',
    threshold: 0.85,
    unit: 'ratio',
    summary: { ko: '', en: '' },
    query: '',
    source: 'rule',
    cause: {},
    muted: [],
    was_muted: '',
    threshold_from: '',
    acknowledged: null,
    told: [],
    ...changes,
  };
}

test('the worst comes first, and of equals the older', () => {
  const alerts = [
    alert('pending', { state: 'pending' }),
    alert('young', { since: 5 }),
    alert('unknown', { state: 'no_data' }),
    alert('critical', { severity: 'critical', since: 9 }),
    alert('recovering', { state: 'recovering' }),
    alert('old', { since: 1 }),
  ];
  expect(worstFirst(alerts).map(({ id }) => id)).toEqual([
    'critical',
    'old',
    'young',
    'unknown',
    'pending',
    'recovering',
  ]);
});

test('an ended episode keeps the mark of what it was', () => {
  expect(markOfAlert(alert('a', { state: 'resolved', severity: 'critical' }))).toBe('crit');
  expect(markOfAlert(alert('b', { state: 'resolved', fired_at: null }))).toBe('pend');
});

test('counts of open alerts have the mark of the worst among them', () => {
  const none = { critical: 0, warning: 0, unknown: 0, info: 0, pending: 0, recovering: 0, acknowledged: 2, muted: 1 };
  const worse = { ...none, unknown: 3, warning: 9_950, critical: 50 };
  expect([openIn(none), openIn(worse)]).toEqual([0, 10_003]);
  expect([none, { ...none, pending: 1 }, { ...none, unknown: 1, pending: 1 }, worse].map(markOfTally)).toEqual([
    'ok',
    'pend',
    'none',
    'crit',
  ]);
});

test('an alert is about its host, its pipeline, or its first label', () => {
  expect(subject(alert('a', { labels: { host: 'web-1', mountpoint: '/var' } }))).toEqual({
    where: 'web-1',
    rest: ['/var'],
  });
  expect(subject(alert('b', { host: null, labels: { job: 'x', pipeline: 'collect' } }))).toEqual({
    where: 'collect',
    rest: ['x'],
  });
  expect(subject(alert('c', { host: null, labels: {} }))).toEqual({ where: 'memory high', rest: [] });
});

const host = (name: string, state: Host['state'] = 'ok') => ({ host: name, state, cpu_used_ratio: 0.5 }) as Host;

test('hosts that differ by their number stand together, groups with trouble first', () => {
  const groups = grouped(
    [host('k8s-1'), host('k8s-2'), host('web-1.example.com'), host('db-3', 'critical'), host('mail')],
    'cpu',
  );
  expect(groups.map(({ name, hosts }) => `${name} ${hosts.length}`)).toEqual(['db 1', 'k8s 2', 'mail 1', 'web 1']);
});

test('five greys from light to heavy', () => {
  expect([0, 0.2, 0.5, 0.99, 1, null].map(shade)).toEqual(['a', 'b', 'c', 'e', 'e', 'a']);
});

test('what is away on purpose stands with what is well, with its own mark, and says until when', () => {
  const at = new Date(2026, 2, 1, 9, 0).getTime();
  const away = { by: 'kim', why: 'move', since: at, until: at + 3_600_000 };
  const hosts = [host('web-2', 'away'), host('web-1'), host('web-3', 'no_data')];
  expect(worstHostsFirst(hosts, 'cpu').map((one) => one.host)).toEqual(['web-3', 'web-1', 'web-2']);
  expect(markOfHost('away')).toBe('pause');
  expect(awayUntil(away, ko, at)).toBe('kim: 10:00까지 자리 비움');
  expect(awayUntil({ ...away, until: null }, ko, at)).toBe('kim: 09:00에 없앰');
});

import { describe, expect, it } from 'vitest';
import type { Alert } from '../src/lib/api';
import { ends, lies, localInput, matchersFor, matchersOf } from '../src/lib/silencing';

const alert = (rule: string, labels: Record<string, string>) =>
  ({ rule, labels, severity: 'critical' }) as unknown as Alert;
const web = alert('cpu "high"', { host: 'web-1', device: 'sda' });

describe('what a silence matches', () => {
  it('names the rule and the place, and quotes what needs it', () => {
    expect(matchersFor(web)).toBe('rule="cpu \\"high\\"", host="web-1"');
    expect(matchersFor(alert('x', { a: '1', b: '2', c: '3' }))).toBe('rule="x", a="1", b="2"');
    expect(matchersFor(alert('x', { 'http.method': 'GET' }))).toBe('rule="x", "http.method"="GET"');
  });

  it('says a filter of the list', () => {
    expect(matchersOf({ rule: 'disk', host: '', severity: 'critical' })).toBe('rule="disk", severity="critical"');
    expect(matchersOf({ rule: '', host: '', severity: '' })).toBe('');
  });
});

describe('until when', () => {
  it('offers the next morning, not one that is about to come', () => {
    const night = new Date(2026, 2, 1, 3, 0).getTime();
    expect(new Date(ends(night).at(-1)!.at).getDate()).toBe(1);
    const morning = new Date(2026, 2, 1, 8, 30).getTime();
    expect(new Date(ends(morning).at(-1)!.at).getDate()).toBe(2);
    expect(ends(night)[0]).toEqual({ hours: 1, at: night + 3_600_000 });
  });

  it('says a time in the zone of the browser', () => {
    const at = new Date(2026, 2, 1, 3, 5).getTime();
    expect(localInput(at)).toBe('2026-03-01T03:05');
  });
});

it('cuts a stretch at both ends of the calendar', () => {
  expect(lies({ from: -50, to: 50 }, 0, 100)).toEqual({ left: 0, width: 50 });
  expect(lies({ from: 75, to: 500 }, 0, 100)).toEqual({ left: 75, width: 25 });
});

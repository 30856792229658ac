import { describe, expect, it } from 'vitest';
import { filled, kindOf, looksOf, shownAt, withKind, type FieldOf } from '../src/lib/ruling';

const field = (key: string, type: FieldOf['type'] = 'mono'): FieldOf => ({ key, type });

describe('a rule as a form', () => {
  it.each([
    [{ metric: 'a' }, 'simple'],
    [{ expr: 'a' }, 'promql'],
    [{ ratio: { failed: 'a' } }, 'ratio'],
    [{ metric: 'a', anomaly: { method: 'robust' } }, 'anomaly'],
    [{}, 'simple'],
  ])('%j is of the kind %s', (values, kind) => {
    expect(kindOf(values)).toBe(kind);
  });

  it('becomes another kind and keeps what every kind has', () => {
    const rule = { name: 'hot', metric: 'heat', over: '5m', critical: '> 1', labels: { team: 'ops' } };
    expect(withKind(rule, 'promql')).toEqual({ name: 'hot', critical: '> 1', labels: { team: 'ops' }, expr: 'heat' });
    expect(Object.keys(withKind(rule, 'ratio'))).toEqual(['name', 'critical', 'labels', 'ratio']);
  });

  it('shows the metric of an anomaly that looks at one', () => {
    const keys = looksOf({ metric: 'heat', anomaly: {} }).map(({ key }) => key);
    expect(keys).toContain('metric');
    expect(keys).not.toContain('expr');
  });

  it('fills in a nested value and leaves out what is empty', () => {
    const rule = filled({ name: 'hot' }, field('annotations.summary.ko', 'text'), '뜨겁다');
    expect(rule).toEqual({ name: 'hot', annotations: { summary: { ko: '뜨겁다' } } });
    expect(filled(rule, field('annotations.summary.ko', 'text'), '')).toEqual({ name: 'hot' });
    expect(filled({ critical: '> 1' }, field('critical'), '')).toEqual({});
  });

  it('keeps what says what is looked at, also while it is empty', () => {
    expect(filled({ metric: 'heat' }, field('metric'), '')).toEqual({ metric: '' });
    expect(kindOf(filled({ expr: 'a' }, field('expr'), ''))).toBe('promql');
  });

  it('reads lists, pairs and numbers as they are shown', () => {
    const by = field('by', 'list');
    expect(filled({}, by, ' host, container,')).toEqual({ by: ['host', 'container'] });
    expect(shownAt({ by: ['host', 'container'] }, by)).toBe('host, container');
    const labels = field('labels', 'pairs');
    expect(filled({}, labels, 'team=ops\nquery=a=b\n')).toEqual({ labels: { team: 'ops', query: 'a=b' } });
    expect(shownAt({ labels: { team: 'ops', query: 'a=b' } }, labels)).toBe('team=ops\nquery=a=b');
    expect(filled({}, field('min_samples', 'number'), '3')).toEqual({ min_samples: 3 });
    expect(filled({}, field('min_samples', 'number'), 'few')).toEqual({ min_samples: 'few' });
  });

  it('shows nothing of a value that has another shape, and does not fail', () => {
    expect(shownAt({ labels: 'x', by: 'host', warning: { a: 1 } }, field('labels', 'pairs'))).toBe('');
    expect(shownAt({ warning: { a: 1 } }, field('warning'))).toBe('');
    expect(filled({ ratio: 'x' }, field('ratio.failed'), 'a')).toEqual({ ratio: { failed: 'a' } });
  });
});

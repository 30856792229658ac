import { describe, expect, test } from 'vitest';
import { completed, continued, mistakeIn, oneLine, wordAt } from '../src/lib/explore';

describe('the word at the caret', () => {
  test.each<[string, string | null]>([
    ['sum(node_c|', 'node_c'],
    ['node_|cpu + 1', 'node_'],
    ['up{host="we|', null],
    ['up{ho|', null],
    ['up{host="web"} + no|', 'no'],
    ['rate(x[5|', null],
    ['sum(|', null],
    ['job:rate|', 'job:rate'],
  ])('in %s is %s', (text, word) => {
    expect(wordAt(text.replace('|', ''), text.indexOf('|'))?.text ?? null).toBe(word);
  });
});

test('names that begin with the word come before those that contain it', () => {
  const names = ['node_cpu_seconds_total', 'cpu', 'container_cpu', 'CPU_total', 'up'];
  expect(continued(names, 'cpu')).toEqual(['CPU_total', 'node_cpu_seconds_total', 'container_cpu']);
  expect(continued(names, 'c', 2)).toEqual(['cpu', 'container_cpu']);
});

test('a name replaces the whole word, and the caret stands behind it', () => {
  const expr = 'sum(node_cpx) by (host)';
  expect(completed(expr, wordAt(expr, 9)!, 'node_load1')).toEqual({ expr: 'sum(node_load1) by (host)', caret: 14 });
});

describe('a mistake', () => {
  test('is where the server says', () => {
    expect(mistakeIn('sum(up', '1:7: parse error: unclosed left parenthesis')).toEqual({
      at: 6,
      what: 'unclosed left parenthesis',
    });
    expect(mistakeIn('up +\nfoo bar', 'invalid parameter "query": 2:5: parse error: wrong')?.at).toBe(9);
  });
  test('without a place is none of the expression', () => {
    expect(mistakeIn('up', 'query timed out in expression evaluation')).toBeNull();
  });
});

test('an expression of several lines fits a field of one, and means the same', () => {
  expect(oneLine('sum(\n  up{a="#b"} # those\n) > 1\n')).toBe('sum( up{a="#b"} ) > 1');
});

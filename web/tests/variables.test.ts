import { describe, expect, test } from 'vitest';
import type { Variable } from '../src/lib/api';
import {
  addressOf,
  ALL,
  chosenOf,
  namesIn,
  selector,
  substituted,
  type Choices,
  type Chosen,
} from '../src/lib/variables';

const window = { start: 1000, end: 4600, step: 15 };
const one = (...values: string[]): Chosen => ({ all: false, values });
const all: Chosen = { all: true, values: [] };

describe('an expression', () => {
  test.each<[string, string, Choices, string]>([
    ['takes a value by its name', 'up{host="$host"}', { host: one('web-1') }, 'up{host="web-1"}'],
    ['takes it in braces', 'up{host="${host}-a"}', { host: one('web-1') }, 'up{host="web-1-a"}'],
    ['takes a value outside of strings', 'topk($n, $metric)', { n: one('5'), metric: one('up') }, 'topk(5, up)'],
    ['takes all as everything', 'up{host=~"$host"}', { host: all }, 'up{host=~".*"}'],
    ['takes several as one of them', 'up{host=~"$host"}', { host: one('a', 'b') }, 'up{host=~"(a|b)"}'],
    [
      'keeps what a value means in a regex',
      'up{host=~"$host"}',
      { host: one('web.1') },
      String.raw`up{host=~"web\\.1"}`,
    ],
    [
      'keeps what each of several means',
      'up{path!~"$path"}',
      { path: one('/a+b', 'c|d', '[e]') },
      String.raw`up{path!~"(/a\\+b|c\\|d|\\[e\\])"}`,
    ],
    ['leaves a value as it is where there is no regex', 'up{host="$host"}', { host: one('web.1') }, 'up{host="web.1"}'],
    ['keeps a value within its string', 'up{a="$a"}', { a: one('x"} or {b="\\') }, String.raw`up{a="x\"} or {b=\"\\"}`],
    ['knows other quotes', "up{a=~'$a'}", { a: one("it's.") }, String.raw`up{a=~'it\'s\\.'}`],
    ['knows strings without escapes', 'up{a=~`$a`}', { a: one('a.b') }, 'up{a=~`a\\.b`}'],
    [
      'is not lost in a string with a quote',
      String.raw`up{a="\"",b=~"$b"}`,
      { b: one('c.d') },
      String.raw`up{a="\"",b=~"c\\.d"}`,
    ],
    ['leaves names it does not know', 'up{host="$host"} $1', { hostname: one('x') }, 'up{host="$host"} $1'],
    ['does not take a name for the beginning of another', '$hosts ${host}s', { host: one('x') }, '$hosts xs'],
    ['is empty where nothing is chosen', 'up{host=~"$host"}', { host: one() }, 'up{host=~""}'],
    ['has the step', 'rate(x[$__interval])', {}, 'rate(x[15s])'],
    ['has four scrapes for a rate', 'rate(x[$__rate_interval])', {}, 'rate(x[60s])'],
    ['has the whole range', 'increase(x[$__range]) / ${__range_s}', {}, 'increase(x[3600s]) / 3600'],
  ])('%s', (_, expr, choices, expected) => {
    expect(substituted(expr, choices, window)).toBe(expected);
  });

  test('rates over four scrapes at least, and over a step and one scrape', () => {
    expect(substituted('[$__rate_interval]', {}, { start: 0, end: 10, step: 1 })).toBe('[60s]');
    expect(substituted('[$__rate_interval]', {}, { start: 0, end: 7200, step: 120 })).toBe('[135s]');
  });
});

test('the names in a text are those of its variables', () => {
  expect(namesIn('{host="$host",job=~"${job}"}')).toEqual(['host', 'job']);
});

describe('a choice', () => {
  const variable = (more: Partial<Variable> = {}): Variable => ({
    name: 'host',
    title: { ko: '', en: '' },
    metric: 'up',
    label: 'host',
    matchers: '',
    options: [],
    multiple: false,
    all: false,
    default: '',
    ...more,
  });

  test.each<[string, Partial<Variable>, string[], string[] | undefined, Chosen | null]>([
    ['is what the address says', {}, ['b'], ['a', 'b'], one('b')],
    ['keeps what is gone', {}, ['gone'], ['a'], one('gone')],
    ['is one where one may be chosen', {}, ['a', 'b'], [], one('a')],
    ['is several where several may be', { multiple: true }, ['a', 'b', 'a'], [], one('a', 'b')],
    ['is all by the address', { all: true }, [ALL], [], all],
    ['is no "all" where there is none', {}, [ALL], ['a'], one(ALL)],
    ['is the default of the file', { default: 'c', all: true }, [], ['a'], one('c')],
    ['is all where all may be', { all: true }, [], undefined, all],
    ['is else the first value', {}, [], ['a', 'b'], one('a')],
    ['is nothing where there is no value', {}, [], [], one()],
    ['waits for the values', {}, [], undefined, null],
  ])('%s', (_, more, asked, known, expected) => {
    expect(chosenOf(variable(more), asked, known)).toEqual(expected);
  });

  test('comes back from the address', () => {
    const several = variable({ multiple: true, all: true });
    for (const chosen of [all, one('a', 'b')]) expect(chosenOf(several, addressOf(chosen), [])).toEqual(chosen);
  });
});

test.each([
  ['up', '', 'up{}'],
  ['up', 'a="b"', 'up{a="b"}'],
  ['http.time', ' ', '{"http.time"}'],
  ['http.time', 'a="b"', '{"http.time",a="b"}'],
])('the series of %s with %j are %s', (metric, matchers, written) => {
  expect(selector(metric, matchers)).toBe(written);
});

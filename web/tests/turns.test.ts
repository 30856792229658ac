import { expect, test } from 'vitest';
import { Turns } from '../src/lib/turns';

/** Work that ends when it is told to. */
function work(name: string, begun: string[]) {
  const { promise, resolve } = Promise.withResolvers<string>();
  return { end: () => resolve(name), run: () => (begun.push(name), promise) };
}

const signal = () => new AbortController().signal;
const settled = () => new Promise((resolve) => setTimeout(resolve));

test('only so many are done at once, in the order in which they came', async () => {
  const [turns, begun]: [Turns, string[]] = [new Turns(2), []];
  const all = ['a', 'b', 'c', 'd'].map((name) => work(name, begun));
  const done = all.map(({ run }) => turns.take(signal(), run));
  await settled();
  expect(begun).toEqual(['a', 'b']);
  all[1]!.end();
  await done[1];
  await settled();
  expect(begun).toEqual(['a', 'b', 'c']);
  for (const { end } of all) end();
  expect(await Promise.all(done)).toEqual(['a', 'b', 'c', 'd']);
});

test('who gave up while waiting is never begun, and takes nobody the turn', async () => {
  const [turns, begun]: [Turns, string[]] = [new Turns(1), []];
  const [first, second, third] = ['a', 'b', 'c'].map((name) => work(name, begun));
  const leaving = new AbortController();
  const one = turns.take(signal(), first!.run);
  const two = turns.take(leaving.signal, second!.run);
  const three = turns.take(signal(), third!.run);
  leaving.abort();
  await expect(two).rejects.toThrow();
  first!.end();
  await one;
  third!.end();
  expect(await three).toBe('c');
  expect(begun).toEqual(['a', 'c']);
});

test('work that fails gives its turn back', async () => {
  const turns = new Turns(1);
  await expect(turns.take(signal(), () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await turns.take(signal(), () => Promise.resolve('yes'))).toBe('yes');
});

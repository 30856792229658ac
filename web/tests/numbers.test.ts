import { describe, expect, test } from 'vitest';
import { amount, amountWith, axis, round, roundUp, text, UNKNOWN, type Unit } from '../src/lib/numbers';

describe('a measured value', () => {
  test.each<[number, Unit, string]>([
    [0.961, 'ratio', '96.1\u2009%'],
    [0.9996, 'ratio', '100\u2009%'],
    [0, 'ratio', '0\u2009%'],
    [118 * 2 ** 30, 'bytes', '118\u2009GiB'],
    [1.7 * 2 ** 30, 'bytes', '1.7\u2009GiB'],
    [1023.9 * 2 ** 20, 'bytes', '1.0\u2009GiB'],
    [512, 'bytes', '512\u2009B'],
    [4100, 'file_bytes', '4.1\u2009kB'],
    [436e6, 'bits_per_second', '436\u2009Mbit/s'],
    [7.04e6, 'bytes_per_second', '7.0\u2009MB/s'],
    [1204.4, 'milliseconds', '1,204\u2009ms'],
    [12_000, 'milliseconds', '12.0\u2009s'],
    [71, 'seconds', '71\u2009s'],
    [0.5, 'seconds', '0.5\u2009s'],
    [0.0042, 'seconds', '4.2\u2009ms'],
    [0.042, 'seconds', '42\u2009ms'],
    [900, 'seconds', '15\u2009min'],
    [9000, 'seconds', '2.5\u2009h'],
    [864_000, 'seconds', '10.0\u2009d'],
    [40, 'percent', '40.0\u2009%'],
    [45.27, 'celsius', '45.3\u2009°C'],
    [0.7447, 'load', '0.74'],
    [212_480, 'per_second', '212,480\u2009/s'],
    [0, 'per_second', '0\u2009/s'],
    [-3, '', '-3'],
  ])('%d as %s is %s', (value, unit, said) => {
    expect(text(amount(value, unit))).toBe(said);
  });

  test.each([null, undefined, NaN, Infinity])('%s is unknown, not zero', (value) => {
    expect(amount(value, 'ratio')).toBe(UNKNOWN);
  });
});

test.each<[number, Unit, string]>([
  [0.85, 'ratio', '85\u2009%'],
  [0.925, 'ratio', '92.5\u2009%'],
  [2 * 2 ** 30, 'bytes', '2\u2009GiB'],
  [60, 'seconds', '60\u2009s'],
  [1.25, 'seconds', '1.25\u2009s'],
  [0.005, 'seconds', '5\u2009ms'],
  [80, 'percent', '80\u2009%'],
  [9500, 'count', '9,500'],
])('a threshold of %d as %s is %s', (value, unit, said) => {
  expect(text(round(value, unit))).toBe(said);
});

test.each<[number, Unit, string]>([
  [0, 'bits_per_second', '0'],
  [500e6, 'bits_per_second', '500 M'],
  [1e9, 'bits_per_second', '1 G'],
  [2 ** 29, 'bytes', '512 Mi'],
  [0.5, 'ratio', '50'],
])('an axis says %d as %s short: %s', (value, unit, said) => {
  expect(axis(value, unit)).toBe(said);
});

test.each<[number, Unit, number]>([
  [0, 'ratio', 1],
  [7, '', 10],
  [21, '', 25],
  [0.13, 'cores', 0.2],
  [700 * 2 ** 20, 'bytes', 2 ** 30],
  [2 ** 30, 'bytes', 2 ** 30],
])('%d as %s is rounded up to %d', (value, unit, up) => {
  expect(roundUp(value, unit)).toBeCloseTo(up, 9);
});

test.each<[number, Unit, number | null, string]>([
  [0.12345, 'ratio', 2, '12.35\u2009%'],
  [1536, 'bytes', 0, '2\u2009KiB'],
  [1536, 'bytes', 3, '1.500\u2009KiB'],
  [-1536, 'bytes', 1, '-1.5\u2009KiB'],
  [5400, 'seconds', 2, '90.00\u2009min'],
  [0.005, 'seconds', 0, '5\u2009ms'],
  [3, '', 1, '3.0'],
  [3.14159, '', null, '3.14'],
])('%d as %s with %s decimals is %s', (value, unit, decimals, said) => {
  expect(text(amountWith(value, unit, decimals))).toBe(said);
  expect(amountWith(null, unit, decimals)).toBe(UNKNOWN);
});

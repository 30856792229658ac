import { expect, test } from 'vitest';
import { changed, parse, to, type Route } from '../src/lib/routes';

test.each<[string, Route]>([
  ['/', { view: 'overview' }],
  ['/machines', { view: 'machines' }],
  ['/machines/', { view: 'machines' }],
  ['/machines/web-1', { view: 'machine', host: 'web-1' }],
  ['/machines/a%2Fb%20%EC%9B%B9', { view: 'machine', host: 'a/b 웹' }],
  ['/alerts/ep-1', { view: 'alert', id: 'ep-1' }],
  ['/rules', { view: 'rules' }],
  ['/collection', { view: 'collection' }],
  ['/fetches', { view: 'fetches' }],
  ['/dashboards', { view: 'dashboards' }],
  ['/dashboards/hosts', { view: 'dashboard', name: 'hosts' }],
  ['/explore', { view: 'explore' }],
  ['/welcome', { view: 'welcome' }],
  ['/fetches/1', { view: 'unknown', path: '/fetches/1' }],
  ['/machines/a/b', { view: 'unknown', path: '/machines/a/b' }],
  ['/%E0%A4%A', { view: 'unknown', path: '/%E0%A4%A' }],
])('%s leads to its view', (path, route) => {
  expect(parse(path)).toEqual(route);
});

test('the path of a machine leads back to it, whatever its name', () => {
  const name = 'a/b ?#&웹';
  expect(parse(new URL(to.machine(name, { range: '6h' }), 'http://x').pathname)).toEqual({
    view: 'machine',
    host: name,
  });
});

test('a query keeps what is not changed, and drops what is emptied', () => {
  const query = changed(new URLSearchParams('q=web&state=critical'), { state: null, q: '', sort: 'cpu' });
  expect(query.toString()).toBe('sort=cpu');
  const several = changed(new URLSearchParams('var-host=a&from=now-1h'), { 'var-host': ['b', 'c'] });
  expect(several.toString()).toBe('from=now-1h&var-host=b&var-host=c');
  expect(changed(several, { 'var-host': [] }).toString()).toBe('from=now-1h');
  expect(to.alerts({ state: 'ended', host: '' })).toBe('/alerts?state=ended');
});

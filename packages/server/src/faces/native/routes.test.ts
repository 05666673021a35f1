import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchRoute, type Route } from './routes.ts';

const routes: readonly Route<string>[] = [
  { method: 'GET', pattern: '/rekey/status', handler: 'status' },
  { method: 'GET', pattern: '/rekey/secrets/:name/rotation', handler: 'show' },
  { method: 'PUT', pattern: '/rekey/secrets/:name/rotation', handler: 'set' },
];

test('finds a route and decodes its variable', () => {
  assert.deepEqual(matchRoute(routes, 'PUT', '/rekey/secrets/team%2Fdb/rotation'), {
    found: 'route',
    handler: 'set',
    variables: { name: 'team/db' },
  });
});

test('says which methods a path takes', () => {
  assert.deepEqual(matchRoute(routes, 'DELETE', '/rekey/secrets/a/rotation'), {
    found: 'other-methods',
    allowed: ['GET', 'PUT'],
  });
});

test('finds nothing for unknown, empty and undecodable segments', () => {
  for (const path of [
    '/rekey',
    '/rekey/secrets//rotation',
    '/rekey/secrets/%zz/rotation',
    '/rekey/secrets/a/b/rotation',
  ])
    assert.deepEqual(matchRoute(routes, 'GET', path), { found: 'nothing' });
});

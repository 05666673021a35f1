import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { postgresLogin } from './pg-login.ts';

const FIELDS = { engine: 'postgres', username: 'app', password: 'hunter2', host: 'db', port: 5432, dbname: 'shop' };

test("the fields of AWS's database secrets are read, and unknown ones ignored", () => {
  const login = { user: 'app', password: 'hunter2', host: 'db', port: 5432, database: 'shop', ssl: undefined };
  assert.deepEqual(postgresLogin(FIELDS, 'a'), login);
  assert.deepEqual(postgresLogin({ ...FIELDS, port: '5432', ssl: 'true', masterarn: 'b' }, 'a'), {
    ...login,
    ssl: true,
  });
});

test('what is not there is left to the options of the pool', () => {
  const { host, port, database, ssl } = postgresLogin({ username: 'app', password: 'x', port: null }, 'a');
  assert.deepEqual([host, port, database, ssl], [undefined, undefined, undefined, undefined]);
});

for (const [name, wrong] of Object.entries({
  username: '',
  password: undefined,
  host: 5,
  port: 'hunter2',
  dbname: {},
  ssl: 'hunter2',
}))
  test(`a wrong ${name} is told by its name, never by its content`, () => {
    assert.throws(
      () => postgresLogin({ ...FIELDS, [name]: wrong }, 'shop/db'),
      (error: Error) => error.message.startsWith(`Field "${name}" of shop/db`) && !inspect(error).includes('hunter2'),
    );
  });

test('a value that is no object has no login', () => {
  for (const value of ['text', null, 7]) assert.throws(() => postgresLogin(value, 'a'), { code: 'no-value' });
});

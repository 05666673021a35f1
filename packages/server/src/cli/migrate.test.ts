import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PostgresAddress } from '../store/postgres/address.ts';
import { startOf } from './migrate.ts';

test('after a move the command to start with keeps user, schema and TLS options, and never the password', () => {
  const to = PostgresAddress.parse('postgres://vault:hidden@db:6432/keep?sslmode=verify-full&schema=house');
  assert.equal(
    startOf('./data', to),
    "start it: rekey serve --data ./data --store 'postgres://vault@db:6432/keep?sslmode=verify-full&schema=house'",
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkFile, importsOf } from './check-layers.ts';

const declared = new Set(['pg']);

function violations(file: string, ...lines: string[]): string[] {
  return checkFile(file, lines.join('\n'), declared).map((violation) => violation.imported);
}

test('core imports nothing of ours', () => {
  assert.deepEqual(violations('packages/core/src/secret.ts', "import { a } from '@rekey/client';"), ['@rekey/client']);
  assert.deepEqual(violations('packages/core/src/secret.ts', "import { a } from './random.ts';"), []);
});

test('the client takes only types from core', () => {
  const file = 'packages/client/src/client.ts';
  assert.deepEqual(violations(file, "import type { Label } from '@rekey/core';"), []);
  assert.deepEqual(violations(file, "import { systemClock, type Label } from '@rekey/core';"), ['@rekey/core']);
});

test('rotators come in through compose.ts alone, the client through cli/ alone', () => {
  const rotators = "import { rotators } from '@rekey/rotators';";
  const client = "import { Client } from '@rekey/client';";
  assert.deepEqual(violations('packages/server/src/compose.ts', rotators), []);
  assert.deepEqual(violations('packages/server/src/engine/runner.ts', rotators), ['@rekey/rotators']);
  assert.deepEqual(violations('packages/server/src/cli/status.ts', client), []);
  assert.deepEqual(violations('packages/server/src/service/values.ts', client), ['@rekey/client']);
});

test('inside the server a file imports its own folder and lower layers only', () => {
  assert.deepEqual(violations('packages/server/src/engine/runner.ts', "import { S } from '../store/store.ts';"), []);
  assert.deepEqual(violations('packages/server/src/engine/runner.ts', "import { a } from './sync/a.ts';"), []);
  assert.deepEqual(violations('packages/server/src/engine/sync/a.ts', "import { b } from '../retry.ts';"), []);
  assert.deepEqual(violations('packages/server/src/store/store.ts', "import { a } from '../engine/due.ts';"), [
    '../engine/due.ts',
  ]);
  assert.deepEqual(violations('packages/server/src/faces/face.ts', "import { c } from '../config.ts';"), [
    '../config.ts',
  ]);
  assert.deepEqual(violations('packages/server/src/cli/serve.ts', "import { c } from '../compose.ts';"), []);
});

test('the folders of the ground do not import each other', () => {
  assert.deepEqual(violations('packages/server/src/auth/sigv4.ts', "import { k } from '../seal/keyring.ts';"), [
    '../seal/keyring.ts',
  ]);
});

test('no package reaches into another by path, and none imports what it does not declare', () => {
  const file = 'packages/rotators/src/postgres.ts';
  assert.deepEqual(violations(file, "import { a } from '../../core/src/secret.ts';"), ['../../core/src/secret.ts']);
  assert.deepEqual(violations(file, "import pg from 'pg';", "import _ from 'lodash';", "import fs from 'node:fs';"), [
    'lodash',
  ]);
});

test('tests may import anything', () => {
  assert.deepEqual(violations('packages/core/src/secret.test.ts', "import { a } from '@rekey/client';"), []);
});

test('every violation says what to do instead', () => {
  const [violation] = checkFile('packages/server/src/audit/log.ts', "import { S } from '../store/store.ts';", declared);
  assert.equal(
    violation?.instead,
    'audit/ may import itself only: move what both need down, or pass it in from compose.ts',
  );
});

test('imports are found in every form and not in comments', () => {
  const source = [
    "import a from 'a';",
    "import {\n  b,\n} from 'b';",
    "import 'c';",
    "export * from 'd';",
    "export type { E } from 'e';",
    "const f = await import('f');",
    "// import g from 'g';",
    "/* import h from 'h'; */",
    "const text = 'from';",
  ].join('\n');
  assert.deepEqual(importsOf(source), [
    { specifier: 'a', typesOnly: false },
    { specifier: 'b', typesOnly: false },
    { specifier: 'c', typesOnly: false },
    { specifier: 'd', typesOnly: false },
    { specifier: 'e', typesOnly: true },
    { specifier: 'f', typesOnly: false },
  ]);
});

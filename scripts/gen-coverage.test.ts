import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SERVICES } from './coverage/tables.ts';
import { allMembers, coverageText, PAGE, testOf } from './gen-coverage.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MODELS = fileURLToPath(new URL('../../shared/data/aws/', import.meta.url));

interface Model {
  readonly operations: Readonly<Record<string, { readonly input?: { readonly shape: string } }>>;
  readonly shapes: Readonly<Record<string, { readonly members?: Readonly<Record<string, unknown>> }>>;
}

test('the coverage page is current (else: node --conditions=source scripts/gen-coverage.ts)', () => {
  assert.equal(readFileSync(PAGE, 'utf8'), coverageText());
});

const SECRETS_MANAGER = SERVICES[0]!;
/** Suites that go through all members without naming them. */
const GENERIC = /^(?:bad-input|mutations|model)\.test\.ts$/;

test('some test that speaks of an operation of Secrets Manager speaks of each of its members', () => {
  const folder = `${ROOT}${SECRETS_MANAGER.folder}`;
  const suites = readdirSync(folder).filter((file) => file.endsWith('.test.ts') && !GENERIC.test(file));
  const texts = suites.map((file) => readFileSync(`${folder}/${file}`, 'utf8'));
  for (const { name, input } of SECRETS_MANAGER.operations)
    for (const member of Object.keys(input.members))
      assert.ok(
        texts.some((text) => [name, member].every((word) => new RegExp(`\\b${word}\\b`).test(text))),
        `${name}.${member}`,
      );
});

for (const service of SERVICES)
  describe(service.title, () => {
    const keys = new Set(service.operations.flatMap(({ name, input }) => [name, ...membersOf(name, input.members)]));

    test('every note and every refusal is about something that there is', () => {
      for (const key of [...Object.keys(service.notes), ...Object.keys(service.refused)]) assert.ok(keys.has(key), key);
    });

    test('the test that is to show an operation is there and speaks of it', () => {
      for (const { name } of service.operations) {
        const path = `${ROOT}${testOf(service, name)}`;
        assert.ok(existsSync(path), path);
        if (service.model === 'secretsmanager.model.json')
          assert.match(readFileSync(path, 'utf8'), new RegExp(name), name);
      }
    });

    test('every operation of the model is served or left out for a reason, and every member is told', {
      skip: !existsSync(MODELS) && 'no models here',
    }, () => {
      const model: Model = JSON.parse(readFileSync(`${MODELS}${service.model}`, 'utf8'));
      const served = service.operations.map(({ name }) => name);
      const absent = Object.values(service.absent).flat();
      assert.deepEqual([...served, ...absent].sort(), Object.keys(model.operations).sort());
      for (const { name, input } of service.operations) {
        const shape = model.operations[name]!.input?.shape;
        const expected = shape === undefined ? {} : (model.shapes[shape]!.members ?? {});
        assert.deepEqual(allMembers(service, name, input.members), Object.keys(expected).sort(), name);
      }
    });
  });

function membersOf(operation: string, members: object): readonly string[] {
  return Object.keys(members).map((member) => `${operation}.${member}`);
}

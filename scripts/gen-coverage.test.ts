import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { shownBy } from './coverage/shown-by.ts';
import { SERVICES } from './coverage/tables.ts';
import { allMembers, coverageText, PAGE, showing } from './gen-coverage.ts';

const MODELS = fileURLToPath(new URL('../../shared/data/aws/', import.meta.url));

interface Model {
  readonly operations: Readonly<Record<string, { readonly input?: { readonly shape: string } }>>;
  readonly shapes: Readonly<Record<string, { readonly members?: Readonly<Record<string, unknown>> }>>;
}

test('the coverage page is current (else: node --conditions=source scripts/gen-coverage.ts)', () => {
  assert.equal(readFileSync(PAGE, 'utf8'), coverageText());
});

test('beside a member stands a test that gives it to that operation, and shows what it does before what is refused', () => {
  const testsOfOne = (title: string, text: string) => ({ file: 'home', title, text });
  const tests = [
    testsOfOne('beside it', "call('Other', { Name: 1, Tags: [] }); call('Make', { Name: 1 })"),
    testsOfOne('is refused', "refusal('Make', { Tags: 1 })"),
    testsOfOne('does it', "call('Make', { ...more({ a: [1] }), Tags: [] }, 1); call('Other', { Name: 1 })"),
  ];
  assert.equal(shownBy(tests, 'Make', 'Tags', 'home')?.title, 'does it');
  assert.equal(shownBy(tests, 'Make', 'Tags', 'home', true)?.title, 'is refused');
  assert.equal(shownBy(tests, 'Make', 'Name', 'home')?.title, 'beside it');
  assert.equal(shownBy(tests, 'Make', 'Path', 'home'), null);
});

for (const service of SERVICES)
  describe(service.title, () => {
    const keys = new Set(service.operations.flatMap(({ name, input }) => [name, ...membersOf(name, input.members)]));

    test('every note and every refusal is about something that there is', () => {
      for (const key of [...Object.keys(service.notes), ...Object.keys(service.refused)]) assert.ok(keys.has(key), key);
    });

    test('a test asks for every operation and every member', () => {
      for (const { name, input } of service.operations)
        for (const member of [null, ...Object.keys(input.members)])
          assert.ok(showing(service, name, member).title, name);
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

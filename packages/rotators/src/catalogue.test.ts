import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { CATALOGUE, catalogueText } from '../../../scripts/gen-catalogue.ts';
import { rotators } from './index.ts';

describe('the catalogue of rotators', () => {
  test('lists every rotator in the folder (else run: node scripts/gen-catalogue.ts)', () => {
    assert.equal(readFileSync(CATALOGUE, 'utf8'), catalogueText());
  });

  test('knows each rotator by the name it has itself', () => {
    assert.deepEqual(Object.keys(rotators), ['fake', 'postgres', 'random-value']);
    for (const [name, rotator] of Object.entries(rotators)) assert.equal(rotator().name, name);
  });
});

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const START = fileURLToPath(new URL('start.js', import.meta.url));

/** A checkout of which only the program that `npm start` runs is there. */
async function bareCheckout(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rekey-bare-checkout-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'demo'));
  await cp(START, join(folder, 'demo', 'start.js'));
  return folder;
}

function assertOneSentence(folder: string, sentence: RegExp): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, 'demo', 'start.js')], {
    encoding: 'utf8',
  });
  assert.match(stderr, sentence);
  assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
  assert.deepEqual([status, stdout], [1, '']);
}

describe('npm start in a checkout that is not ready says in one sentence what to do', () => {
  test('when nothing is installed', async (context) => {
    assertOneSentence(await bareCheckout(context), /^Nothing is installed yet: run `npm ci`, then `npm start`\.$/m);
  });

  test('when it was installed with install scripts switched off', async (context) => {
    const folder = await bareCheckout(context);
    await mkdir(join(folder, 'node_modules', '@rekey', 'client'), { recursive: true });
    assertOneSentence(folder, /install scripts are switched off: run `npm run build`, then `npm start`\.$/m);
  });
});

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const COMMAND = fileURLToPath(new URL('../packages/server/bin/rekey.js', import.meta.url));

/** A checkout with nothing but the command, a build and a bundle that say who they are. Seconds since the epoch. */
function checkout(files: Readonly<Record<string, number>>) {
  const root = mkdtempSync(join(tmpdir(), 'rekey-bundle-'));
  const place = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  place('packages/server/package.json', '{"type":"module"}');
  for (const [path, changedAt] of Object.entries(files)) {
    place(path, `export const main = () => console.log(${JSON.stringify(path)});`);
    utimesSync(join(root, path), changedAt, changedAt);
  }
  cpSync(COMMAND, join(root, 'packages/server/bin/rekey.js'));
  return {
    run: () => spawnSync(process.execPath, [join(root, 'packages/server/bin/rekey.js')], { encoding: 'utf8' }).stdout,
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

const BUILT = 'packages/server/dist/main.js';
const BUNDLED = 'packages/server/bundle/main.js';

test('the command runs the bundle that was made from the last build', () => {
  using folder = checkout({ [BUILT]: 100, 'packages/core/tsconfig.tsbuildinfo': 100, [BUNDLED]: 101 });
  assert.equal(folder.run(), `${BUNDLED}\n`);
});

test('the command runs the bundle of a package, which brings no notes of a build', () => {
  using folder = checkout({ [BUILT]: 100, [BUNDLED]: 99 });
  assert.equal(folder.run(), `${BUNDLED}\n`);
});

test('the command never runs a bundle that is older than a build of any package', () => {
  for (const name of ['core', 'rotators', 'client', 'server']) {
    using folder = checkout({ [BUILT]: 100, [BUNDLED]: 101, [`packages/${name}/tsconfig.tsbuildinfo`]: 102 });
    assert.equal(folder.run(), `${BUILT}\n`);
  }
});

test('the command does without a bundle', () => {
  using folder = checkout({ [BUILT]: 100 });
  assert.equal(folder.run(), `${BUILT}\n`);
});

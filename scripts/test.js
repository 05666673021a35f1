// `npm test [-- words]`: everything that CI runs. Plain JavaScript that an old Node can parse, so that one of those
// gets a sentence instead of a stack trace.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { fileURLToPath } from 'node:url';

const NEEDED_NODE = 24;
const root = fileURLToPath(new URL('..', import.meta.url));
const TEST_FILES = ['packages', 'scripts', 'demo', 'e2e', 'bench', 'examples'].map(
  (folder) => `${folder}/**/*.test.ts`,
);
/** Most test files wait for a server or a disk, so two at a time keep the two cores of a CI machine busy, not fighting. */
const FILES_AT_ONCE = 2;
/** A hanging test is a failed test; the longest (crash tests) take minutes. */
const TEST_LIMIT_MS = 20 * 60_000;

const runningNode = Number(process.versions.node.split('.')[0]);
if (runningNode < NEEDED_NODE) {
  console.error(
    `The tests need Node ${NEEDED_NODE} and this is Node ${process.versions.node}: run \`npm ci\` without --ignore-scripts, which brings the right one, then \`npm test\`.`,
  );
  process.exit(1);
}

const words = process.argv.slice(2);
const files = testFiles(words);
if (files.length === 0) {
  console.error(`No test file's path contains ${words.map((word) => `"${word}"`).join(' or ')}.`);
  process.exit(1);
}

node('Build', ['node_modules/typescript/bin/tsc', '-b']);
node('Bundle', ['scripts/bundle.ts']);
if (words.length === 0) {
  node('Types', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.check.json']);
  node('Lint and format', ['node_modules/@biomejs/biome/bin/biome', 'check', '.']);
  node('Layers', ['scripts/check-layers.ts']);
}
node('What the tests need', ['scripts/test-services/install.ts']);
node(`Tests (${files.length} files)`, [
  ...['--conditions=source', '--test', `--test-concurrency=${FILES_AT_ONCE}`, `--test-timeout=${TEST_LIMIT_MS}`],
  ...files,
]);

/** All test files, or those whose path contains one of the words. */
function testFiles(words) {
  const found = fs.globSync(TEST_FILES, {
    cwd: root,
    exclude: (path) => /(^|\/)(node_modules|dist|bundle)(\/|$)/.test(path),
  });
  return found.filter((file) => words.length === 0 || words.some((word) => file.includes(word))).sort();
}

/** Runs one stage with our own Node; the first that fails ends everything. */
function node(title, args) {
  console.log(`\n── ${title}`);
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

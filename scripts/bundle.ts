// Joins what `tsc -b` built of the server into a few files, packages/server/bundle: a server starts from some five hundred
// modules, and to open each of them takes longer than to run them. Code of others is not joined, nor copied.
import { globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type OutputFile } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PACKAGES = ['core', 'rotators', 'client', 'server'];
const BUILT = join(ROOT, 'packages/server/dist');
const BUNDLE = join(ROOT, 'packages/server/bundle');
/** The command, and what it starts as a thread (`<name>-thread.ts`): a file beside it in the bundle, too. */
const entries = () => ({
  main: join(BUILT, 'main.js'),
  ...Object.fromEntries(
    globSync('**/*-thread.js', { cwd: BUILT }).map((path) => [basename(path, '.js'), join(BUILT, path)]),
  ),
});

if (isOutdated()) write(await bundled());

/** `packages/server/bin/rekey.js` judges in the same way, so that an old bundle is never run in the place of a new build. */
function isOutdated(): boolean {
  const madeAt = changedAt(join(BUNDLE, 'main.js'));
  const sources = [...PACKAGES.map((name) => `packages/${name}/tsconfig.tsbuildinfo`), 'scripts/bundle.ts'];
  return sources.some((path) => changedAt(join(ROOT, path)) >= madeAt);
}

function changedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

async function bundled(): Promise<readonly OutputFile[]> {
  const { outputFiles } = await build({
    ...{ entryPoints: entries(), outdir: BUNDLE, write: false, logLevel: 'warning' },
    ...{ bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node24' },
    // Not made smaller, so that names in stack traces stay; `node --enable-source-maps` leads back to the TypeScript.
    ...{ sourcemap: 'linked', sourcesContent: false },
    external: PACKAGES.flatMap(dependenciesOf).filter((name) => !name.startsWith('@rekey/')),
  });
  return outputFiles;
}

function dependenciesOf(name: string): readonly string[] {
  const text = readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8');
  const { dependencies = {}, peerDependencies = {} } = JSON.parse(text) as Partial<
    Record<'dependencies' | 'peerDependencies', Record<string, string>>
  >;
  return [...Object.keys(dependencies), ...Object.keys(peerDependencies)];
}

/** The command last: as long as it is not there, or old, nobody runs the rest. */
function write(files: readonly OutputFile[]): void {
  rmSync(BUNDLE, { recursive: true, force: true });
  mkdirSync(BUNDLE);
  const isCommand = ({ path }: OutputFile) => basename(path) === 'main.js';
  for (const file of files.toSorted((one, other) => Number(isCommand(one)) - Number(isCommand(other))))
    writeFileSync(file.path, file.contents);
}

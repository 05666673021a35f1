// The written architecture (ARCHITECTURE.md) as a table, and the check that the imports follow it.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

/** How a package may use another: `only` narrows it to some of its files (paths from `src/`), `types` to types. */
interface Permission {
  readonly only?: RegExp;
  readonly types?: true;
}

const COMPOSE_ONLY: Permission = { only: /^compose\.ts$/ };
const CLI_ONLY: Permission = { only: /^cli\// };
const TYPES_ONLY: Permission = { types: true };
const ANYWHERE: Permission = {};

/** Which package may import which; a package that is not named may not be imported. */
const PACKAGES: Record<string, Record<string, Permission>> = {
  core: {},
  rotators: { core: ANYWHERE },
  client: { core: TYPES_ONLY },
  server: { core: ANYWHERE, rotators: COMPOSE_ONLY, client: CLI_ONLY },
  lambda: { core: ANYWHERE, rotators: ANYWHERE },
  controller: { core: ANYWHERE, client: ANYWHERE },
  dashboard: { core: TYPES_ONLY, client: ANYWHERE },
};

/** Inside the server, from the ground: a file imports its own folder and lower layers only. */
const SERVER_LAYERS: readonly (readonly string[])[] = [
  ['seal', 'auth', 'audit'],
  ['store'],
  ['engine'],
  ['service'],
  ['faces'],
];
/** Everything beside those folders (compose, main, config, listen, cli, testing) is the roof: it may import all. */
const ROOF = SERVER_LAYERS.length;

/** Tests and the suites they run; the build leaves them out too. */
const EXEMPT = /\.test\.ts$|\.testing\.ts$|(?:^|\/)conformance\.ts$/;

export interface Violation {
  readonly file: string;
  readonly imported: string;
  readonly instead: string;
}

interface Import {
  readonly specifier: string;
  readonly typesOnly: boolean;
}

/** What a file (path from the repository's root) imports against the rules; `declared` are its package's dependencies. */
export function checkFile(file: string, source: string, declared: ReadonlySet<string>): Violation[] {
  const [, home, inside] = /^packages\/([^/]+)\/src\/(.+)$/.exec(file) ?? [];
  if (home === undefined || inside === undefined || EXEMPT.test(file)) return [];
  return importsOf(source).flatMap(({ specifier, typesOnly }) => {
    const instead = specifier.startsWith('.')
      ? checkRelative(home, inside, specifier)
      : checkPackage(home, inside, specifier, typesOnly, declared);
    return instead === null ? [] : [{ file, imported: specifier, instead }];
  });
}

function checkRelative(home: string, inside: string, specifier: string): string | null {
  const target = posix.join(posix.dirname(inside), specifier);
  if (target.startsWith('..')) return 'import the other package by its name (@rekey/…)';
  if (home !== 'server') return null;
  const [from, to] = [layerOf(inside), layerOf(target)];
  if (from.folder === to.folder || from.layer > to.layer || from.layer === ROOF) return null;
  const lower = SERVER_LAYERS.slice(0, from.layer).flat();
  return `${from.folder}/ may import itself${lower.length > 0 ? ` and ${lower.join(', ')}` : ' only'}: move what both need down, or pass it in from compose.ts`;
}

function layerOf(path: string): { folder: string; layer: number } {
  const folder = path.split('/')[0]!;
  const layer = SERVER_LAYERS.findIndex((folders) => folders.includes(folder));
  return layer === -1 ? { folder: 'the roof', layer: ROOF } : { folder, layer };
}

function checkPackage(
  home: string,
  inside: string,
  specifier: string,
  typesOnly: boolean,
  declared: ReadonlySet<string>,
): string | null {
  if (specifier.startsWith('node:')) return null;
  const name = packageName(specifier);
  const own = ownPackage(name);
  if (own === null)
    return declared.has(name) || typesOnly ? null : `declare it in packages/${home}/package.json, or do without`;
  if (own === home) return 'import files of the same package by relative path';
  const permission = PACKAGES[home]?.[own];
  if (permission === undefined)
    return `${home} may import ${Object.keys(PACKAGES[home] ?? {}).join(', ') || 'nothing'}: put what both need into core`;
  if (permission.types && !typesOnly)
    return 'only `import type` is allowed here: the package has no run-time dependencies';
  if (permission.only && !permission.only.test(inside))
    return `only ${describeOnly(permission)} may import it: take what you need as an argument`;
  return null;
}

function describeOnly(permission: Permission): string {
  return permission === COMPOSE_ONLY ? 'compose.ts' : 'cli/';
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** `@rekey/core` is core, `rekey` is the server; anything else is not ours. */
function ownPackage(name: string): string | null {
  if (name === 'rekey') return 'server';
  return name.startsWith('@rekey/') ? name.slice('@rekey/'.length) : null;
}

/** Static and dynamic imports and re-exports. The sources are formatted by one tool, so patterns are enough. */
export function importsOf(source: string): Import[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const statements = code.matchAll(
    /^\s*(?:import|export)(\s+type)?\b[^;'"`]*?from\s*'([^']+)'|^\s*import\s*'([^']+)'/gm,
  );
  const calls = code.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g);
  return [
    ...[...statements].map((match) => ({ specifier: (match[2] ?? match[3])!, typesOnly: match[1] !== undefined })),
    ...[...calls].map((match) => ({ specifier: match[1]!, typesOnly: false })),
  ];
}

function checkRepository(root: string): Violation[] {
  const files = globSync('packages/*/src/**/*.ts', { cwd: root });
  return files.flatMap((file) => checkFile(file, readFileSync(join(root, file), 'utf8'), dependenciesOf(root, file)));
}

function dependenciesOf(root: string, file: string): ReadonlySet<string> {
  const home = file.split('/').slice(0, 2).join('/');
  const manifest = JSON.parse(readFileSync(join(root, home, 'package.json'), 'utf8')) as Record<string, object>;
  return new Set(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }));
}

if (import.meta.main) {
  const violations = checkRepository(dirname(dirname(fileURLToPath(import.meta.url))));
  for (const { file, imported, instead } of violations) console.error(`${file} imports '${imported}': ${instead}.`);
  if (violations.length > 0) process.exitCode = 1;
}

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Writes the catalogue of rotators: every file of the folder that exports a function of its own name in camel case
 * (`random-value.ts` → `randomValue`) is a rotator. So a new rotator is one new file.
 */
const FOLDER = fileURLToPath(new URL('../packages/rotators/src/', import.meta.url));
export const CATALOGUE = join(FOLDER, 'catalogue.ts');

/** Text of `catalogue.ts` for the rotators in the folder now. */
export function catalogueText(folder: string = FOLDER): string {
  const names = readdirSync(folder)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => file.slice(0, -'.ts'.length))
    .filter((name) => readFileSync(join(folder, `${name}.ts`), 'utf8').includes(`export function ${camelCase(name)}(`))
    .sort();
  return [
    '// Written by scripts/gen-catalogue.ts; a new rotator is a new file in this folder.',
    "import type { Rotator } from '@rekey/core';",
    ...names.map((name) => `import { ${camelCase(name)} } from './${name}.ts';`),
    '',
    '/** Every rotator of this package by its name; the built-in rotation function is `rekey-<name>`. */',
    'export const rotators: Readonly<Record<string, () => Rotator>> = {',
    ...names.map((name) => (name === camelCase(name) ? `  ${name},` : `  '${name}': ${camelCase(name)},`)),
    '};',
    '',
  ].join('\n');
}

function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

if (import.meta.main) writeFileSync(CATALOGUE, catalogueText());

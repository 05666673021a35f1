import { readdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { type Benchmark, type Figure, within } from './figure.ts';

// Runs every *.bench.ts in this folder (or those whose name contains a given word), prints a table and keeps it as JSON.
const words = process.argv.slice(2);
const files = readdirSync(new URL('.', import.meta.url))
  .filter((file) => file.endsWith('.bench.ts'))
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .sort();

const figures: Figure[] = [];
for (const file of files) {
  const { benchmark } = (await import(new URL(file, import.meta.url).href)) as { benchmark: Benchmark };
  process.stderr.write(`${benchmark.name} …\n`);
  for (const figure of await benchmark.run()) {
    figures.push(figure);
    process.stdout.write(`${describe(figure)}\n`);
  }
}

const report = {
  at: new Date().toISOString(),
  node: process.version,
  processors: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
  figures: figures.map((figure) => ({ ...figure, within: within(figure) })),
};
if (words.length === 0) writeFileSync(new URL('results.json', import.meta.url), `${JSON.stringify(report, null, 2)}\n`);
const missed = figures.filter((figure) => !within(figure));
process.stdout.write(`\n${figures.length - missed.length} of ${figures.length} figures within their limits\n`);
process.exitCode = missed.length === 0 ? 0 : 1;

function describe(figure: Figure): string {
  const relation = figure.must === 'stay below' ? '≤' : '≥';
  const mark = within(figure) ? 'ok    ' : 'MISSED';
  return `${mark} ${figure.name.padEnd(58)} ${String(figure.value).padStart(9)} ${figure.unit.padEnd(6)} (${relation} ${figure.limit})  ${figure.detail}`;
}

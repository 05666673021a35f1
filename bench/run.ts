import { readdirSync } from 'node:fs';
import { type Figure, within } from './figure.ts';
import { measureApart } from './measure-apart.ts';
import { keep } from './report.ts';

// Runs every *.bench.ts in this folder (or those whose name contains a given word), prints a table and keeps it.
const words = process.argv.slice(2);
const files = readdirSync(new URL('.', import.meta.url))
  .filter((file) => file.endsWith('.bench.ts'))
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .sort();

const figures: Figure[] = [];
const failed: string[] = [];
for (const file of files) {
  const measured = await measureApart(file);
  if (measured === null) {
    failed.push(file);
    continue;
  }
  for (const figure of measured) process.stdout.write(`${describe(figure)}\n`);
  keep(file.replace('.bench.ts', ''), measured);
  figures.push(...measured);
}

const missed = figures.filter((figure) => !within(figure));
process.stdout.write(`\n${figures.length - missed.length} of ${figures.length} figures within their limits\n`);
if (failed.length > 0) process.stdout.write(`not measured, its message is above: ${failed.join(', ')}\n`);
process.exitCode = missed.length === 0 && failed.length === 0 ? 0 : 1;

function describe(figure: Figure): string {
  const relation = figure.must === 'stay below' ? '≤' : '≥';
  const mark = within(figure) ? 'ok    ' : 'MISSED';
  return `${mark} ${figure.name.padEnd(58)} ${String(figure.value).padStart(9)} ${figure.unit.padEnd(6)} (${relation} ${figure.limit})  ${figure.detail}`;
}

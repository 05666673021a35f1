import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { type Figure, within } from './figure.ts';

/** A figure with when and on what it was measured. */
interface Kept extends Figure {
  readonly benchmark: string;
  readonly within: boolean;
  readonly at: string;
  readonly node: string;
  readonly processors: string;
  /** Of the minute before the end: above the number of processors, others were using the machine. */
  readonly loadAverage: number;
}

const RESULTS = new URL('results.json', import.meta.url);
const GUIDE = new URL('../docs/benchmarks.md', import.meta.url);
const [BEGIN, END] = ['<!-- figures: written by npm run bench -->', '<!-- end of figures -->'];

/** Keeps the figures of one benchmark in `results.json` and in the table of the guide; the others stay as they are. */
export function keep(benchmark: string, figures: readonly Figure[]): void {
  const others = existsSync(RESULTS) ? (JSON.parse(readFileSync(RESULTS, 'utf8')) as Kept[]) : [];
  const circumstances = {
    at: new Date().toISOString(),
    node: process.version,
    processors: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    loadAverage: Math.round((loadavg()[0] ?? 0) * 10) / 10,
  };
  const measured = figures.map((figure) => ({ benchmark, ...figure, within: within(figure), ...circumstances }));
  const all = [...others.filter((kept) => kept.benchmark !== benchmark), ...measured];
  all.sort((left, right) => (left.benchmark < right.benchmark ? -1 : left.benchmark > right.benchmark ? 1 : 0));
  writeFileSync(RESULTS, `${JSON.stringify(all, null, 2)}\n`);
  const guide = readFileSync(GUIDE, 'utf8');
  const [before, after] = [guide.slice(0, guide.indexOf(BEGIN)), guide.slice(guide.indexOf(END))];
  writeFileSync(GUIDE, `${before}${BEGIN}\n\n${table(all)}\n\n${after}`);
}

function table(figures: readonly Kept[]): string {
  const heading = ['| Figure | Measured | Limit | | How | Load |', '| --- | ---: | ---: | --- | --- | ---: |'];
  return [...heading, ...figures.map(row)].join('\n');
}

function row({ name, value, unit, must, limit, within: good, detail, loadAverage }: Kept): string {
  const cells = [name, `${value} ${unit}`, `${must === 'stay below' ? '≤' : '≥'} ${limit}`, good ? '' : '**missed**'];
  return `| ${[...cells, detail, String(loadAverage)].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

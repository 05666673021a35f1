import { type Benchmark, type Figure, median, round } from './figure.ts';
import { processFigures } from './process-figures.ts';
import { rekeyCommand } from './rekey-command.ts';
import { makeSampleFolder } from './sample-folder.ts';
import { startServer } from './server-process.ts';

const STARTS = 9;
/** Secrets in the store, and seconds until the server is ready. */
const LIMITS = [
  { secrets: 10_000, limit: 0.6 },
  { secrets: 100_000, limit: 1.5 },
];

export const benchmark: Benchmark = {
  name: 'start of the server',
  async run() {
    const figures: Figure[] = [];
    for (const { secrets, limit } of LIMITS) figures.push(await startWith(secrets, limit));
    return figures;
  },
};

/** Of the built command, from its spawn to the line that says it is ready; the file cache is warm after the first. */
async function startWith(secrets: number, limit: number): Promise<Figure> {
  const folder = await makeSampleFolder(secrets);
  const starts: { readonly seconds: number; readonly cpu: number }[] = [];
  try {
    for (let turn = 0; turn < STARTS; turn++) {
      const server = await startServer(rekeyCommand(folder.dataFolder));
      starts.push({ seconds: server.readyAfter / 1000, cpu: processFigures(server.processId).cpuSeconds });
      await server.stop();
    }
  } finally {
    await folder.remove();
  }
  const seconds = starts.map((start) => start.seconds);
  return {
    name: `start to ready with ${secrets.toLocaleString('en')} secrets`,
    value: round(median(seconds), 3),
    unit: 's',
    limit,
    must: 'stay below',
    detail: `median of ${STARTS}, ${round(Math.min(...seconds))} to ${round(Math.max(...seconds))} s; ${round(median(starts.map(({ cpu }) => cpu)))} s of CPU`,
  };
}

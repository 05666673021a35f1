import type { Benchmark } from './figure.ts';

// One benchmark, for bench/run.ts, which is told the figures.
const { benchmark } = (await import(new URL(process.argv[2] ?? '', import.meta.url).href)) as { benchmark: Benchmark };
process.stderr.write(`${benchmark.name} …\n`);
const figures = await benchmark.run();
await new Promise((told) => process.send?.(figures, told));
process.disconnect();

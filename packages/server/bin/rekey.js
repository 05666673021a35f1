#!/usr/bin/env node
// Plain JavaScript that old Nodes can parse, so that one of them gets a sentence instead of a stack trace.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const needed = 24;
const running = Number(process.versions.node.split('.')[0]);
const built = new URL('../dist/main.js', import.meta.url);

if (running < needed) {
  console.error(
    `rekey needs Node ${needed} or later and this is Node ${process.versions.node}: run it through npx or npm, which use the Node that the package brings, or install a newer Node.`,
  );
  process.exitCode = 1;
} else if (!existsSync(fileURLToPath(built))) {
  console.error(
    'rekey is not built: run `npm ci` without --ignore-scripts (or `npm run build`) in the checkout, then try again.',
  );
  process.exitCode = 1;
} else {
  const { main } = await import(built.href);
  await main(process.argv.slice(2));
}

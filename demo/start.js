// `npm start`. Plain JavaScript that an old Node can parse, so that what is missing is told in a sentence.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const NEEDED_NODE = 24;

const obstacle = findObstacle();
if (obstacle !== null) {
  console.error(obstacle);
  process.exitCode = 1;
} else {
  const { main } = await import('./main.ts');
  process.exitCode = await main(process.argv.slice(2));
}

/** What keeps the demonstration from running, with what to do about it; null if nothing does. */
function findObstacle() {
  if (Number(process.versions.node.split('.')[0]) < NEEDED_NODE)
    return `rekey needs Node ${NEEDED_NODE} and this is Node ${process.versions.node}: run \`npm ci\` without --ignore-scripts, which brings the right one, then \`npm start\`.`;
  if (!exists('../node_modules/@rekey/client')) return 'Nothing is installed yet: run `npm ci`, then `npm start`.';
  if (!exists('../packages/server/dist/main.js') || !exists('../packages/client/dist/index.js'))
    return 'rekey is not built, probably because install scripts are switched off: run `npm run build`, then `npm start`.';
  return null;
}

function exists(path) {
  return existsSync(fileURLToPath(new URL(path, import.meta.url)));
}

import pino from 'pino';
import { startRekey } from './compose.ts';
import type { ServerConfig } from './config/config.ts';
import { printDevelopmentSettings } from './config/development-settings.ts';
import { killSwitch } from './kill-switch.ts';
import { showRootCredentials } from './opening/root-credentials.ts';

/**
 * Runs a server until SIGTERM or SIGINT, then drains. A second signal ends it at once: whoever presses Ctrl-C twice
 * means it, and a rotation cut short is recovered at the next start.
 */
export async function runServer(config: ServerConfig): Promise<void> {
  const log = pino(
    { level: config.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
  const stopAsked = untilSignal();
  const boundary = killSwitch(process.env);
  const server = await startRekey(config, {
    log,
    environment: process.env,
    ...(boundary === undefined ? {} : { boundary }),
  });
  if (config.dataFolder === null) printDevelopmentSettings(server, (text) => process.stdout.write(text));
  else if (server.rootMade) {
    const told = await showRootCredentials(server.root, {
      dataFolder: config.dataFolder,
      terminal: process.stdout.isTTY === true,
      write: (text) => process.stdout.write(text),
    });
    if (told.file !== null) process.stdout.write(`root credentials written to ${told.file}\n`);
  }
  process.stdout.write(`rekey listening on ${server.endpoint}\n`);
  const signal = await stopAsked;
  log.info({ signal }, 'stopping: no new requests, draining');
  await server.stop();
}

function untilSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.once(signal, () => {
        for (const second of ['SIGTERM', 'SIGINT'] as const) process.once(second, () => process.exit(130));
        resolve(signal);
      });
  });
}

import type { Command } from 'commander';
import { Option } from 'commander';
import type { ServeFlags } from '../config/config.ts';
import { SEAL_ENVIRONMENT, withSealOptions } from './seal-options.ts';

/** `rekey serve`: runs until SIGTERM or SIGINT, drains, exits 0. */
export function addServe(program: Command): void {
  withSealOptions(program.command('serve'))
    .description('run the server')
    .addOption(new Option('--data <dir>', 'data folder (default ./rekey-data)').env('REKEY_DATA'))
    .option(
      '--store <url>',
      'postgres://USER@HOST:PORT/DATABASE, a store that several servers share (also REKEY_STORE_URL)',
    )
    .option('--init', 'create the store if the folder has none', false)
    .option('--dev', 'memory store on loopback: for trying out; everything is gone at the end', false)
    .addOption(new Option('--listen <host:port>', 'address (default 127.0.0.1:7420)').env('REKEY_LISTEN'))
    .addOption(new Option('--config <file>', 'rekey.yaml (default: the one in the data folder)').env('REKEY_CONFIG'))
    .option('--tls-cert <file>', 'certificate chain; reloaded when it changes')
    .option('--tls-key <file>', 'private key; reloaded when it changes')
    .option('--trusted-proxy <cidr...>', 'proxies whose X-Forwarded-For and -Proto are believed')
    .option('--insecure-http', 'allow plain HTTP on an address that is not loopback')
    .option('--log-level <level>', 'trace, debug, info, warn, error')
    .addHelpText(
      'after',
      `
Environment:
  REKEY_ROOT_ACCESS_KEY_ID, REKEY_ROOT_SECRET_ACCESS_KEY, REKEY_ROOT_TOKEN (or each with _FILE)
                    credentials of root; made and shown once if none are given
  REKEY_STORE_URL   the --store with its password; or give that as PGPASSWORD or in a passfile (PGPASSFILE)
${SEAL_ENVIRONMENT}
  REKEY_REGION, REKEY_ACCOUNT   in ARNs (default us-east-1, 000000000000)

"rekey listening on URL" on standard output says that it is ready.`,
    )
    .action(serve);
}

/** The server is loaded here, so that other commands do without it. */
async function serve(flags: ServeFlags): Promise<void> {
  const [{ readConfig }, { runServer }] = await Promise.all([
    import('../config/config.ts'),
    import('../run-server.ts'),
  ]);
  await runServer(await readConfig(flags, process.env));
}

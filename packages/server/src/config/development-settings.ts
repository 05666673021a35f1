import type { RunningRekey } from '../compose.ts';

/** What `serve --dev` prints: ready to paste into a shell, for AWS's tools and rekey's own. */
export function printDevelopmentSettings(server: RunningRekey, write: (text: string) => void): void {
  const settings = {
    AWS_ENDPOINT_URL_SECRETS_MANAGER: server.endpoint,
    AWS_ACCESS_KEY_ID: server.root.accessKeyId,
    AWS_SECRET_ACCESS_KEY: server.root.secretAccessKey,
    AWS_REGION: server.region,
    REKEY_ENDPOINT: server.endpoint,
  };
  const lines = Object.entries(settings).map(([name, value]) => `export ${name}=${value}\n`);
  write(`Everything is in memory and gone when this server stops.\n\n${lines.join('')}\n`);
}

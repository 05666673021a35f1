import type { RunningRekey } from '../compose.ts';

/** A server as programs find it. */
export interface ServerAddress {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/**
 * What AWS's tools and rekey's own read from their environment. Each service is named by itself: what else such a program
 * asks AWS for still goes there. Some tools know the region by one name (boto3), some by the other (SDK for JavaScript).
 */
export function clientEnvironment(server: ServerAddress): Readonly<Record<string, string>> {
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  return {
    AWS_ENDPOINT_URL_SECRETS_MANAGER: endpoint,
    AWS_ENDPOINT_URL_STS: endpoint,
    AWS_ENDPOINT_URL_IAM: endpoint,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    REKEY_ENDPOINT: endpoint,
  };
}

/** What `serve --dev` prints: ready to paste into a shell. */
export function printDevelopmentSettings(server: RunningRekey, write: (text: string) => void): void {
  const { endpoint, region, root } = server;
  const { accessKeyId, secretAccessKey } = root;
  const settings = clientEnvironment({ endpoint, region, accessKeyId, secretAccessKey });
  const lines = Object.entries(settings).map(([name, value]) => `export ${name}=${value}\n`);
  write(`Everything is in memory and gone when this server stops.\n\n${lines.join('')}\n`);
}

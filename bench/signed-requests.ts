import {
  type GetSecretValueCommand,
  type RotateSecretCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { REGION, ROOT } from './rekey-command.ts';

interface SdkRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/**
 * The bytes the official SDK would send, head and body, one after the other; they are good for five minutes. So the
 * load is what real clients send, and making it costs nothing while it is measured.
 */
export async function signedRequests(
  host: string,
  port: number,
  commands: readonly (GetSecretValueCommand | RotateSecretCommand)[],
): Promise<Buffer[]> {
  const captured: Buffer[] = [];
  const client = new SecretsManagerClient({
    endpoint: `http://${host}:${port}`,
    region: REGION,
    credentials: ROOT,
    maxAttempts: 1,
    requestHandler: {
      handle: (request: SdkRequest) => {
        captured.push(bytesOf(request));
        return Promise.reject(new Error('captured'));
      },
    },
  });
  for (const command of commands) await client.send(command as GetSecretValueCommand).catch(() => {});
  client.destroy();
  if (captured.length !== commands.length) throw new Error('the SDK sent more or fewer requests than commands');
  return captured;
}

function bytesOf({ method, path, headers, body }: SdkRequest): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `${method} ${path} HTTP/1.1\r\n${lines.join('')}connection: keep-alive\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.from(body)]);
}

import { SecretsClient } from '@rekey/client';
import { ROOT_ACCESS_KEY_ID, ROOT_SECRET_ACCESS_KEY } from './server.ts';

/** A client with root's credentials: AWS's operations by name, and the native face by path. */
export function rootClient(endpoint: string): SecretsClient {
  return new SecretsClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: ROOT_ACCESS_KEY_ID, secretAccessKey: ROOT_SECRET_ACCESS_KEY },
  });
}

/** A rotation as the native face tells it, as far as tests look at it. */
export interface SeenRotation {
  readonly id: string;
  readonly number: number;
  readonly state: string;
  readonly versionId: string;
  readonly waitingFor: string | null;
  readonly lastErrorClass: string | null;
  readonly lastError: string | null;
  readonly oldRefusedAt: number | null;
  readonly nextAttemptAt: number | null;
  readonly leftover?: 'accepted' | 'revoked' | 'superseded';
}

/** Path of a secret in the native face. */
export function secretPath(name: string, ...rest: readonly string[]): string {
  return ['/rekey/secrets', encodeURIComponent(name), ...rest].join('/');
}

/** The rotations of a secret, newest first. */
export async function rotationsOf(client: SecretsClient, name: string): Promise<readonly SeenRotation[]> {
  const answer = await client.native('GET', secretPath(name, 'rotations'));
  return answer.rotations as readonly SeenRotation[];
}

/** A version's text; null where there is none. */
export async function textOf(client: SecretsClient, name: string, label = 'AWSCURRENT'): Promise<string | null> {
  try {
    const answer = await client.call('GetSecretValue', { SecretId: name, VersionStage: label });
    return String(answer.SecretString);
  } catch (error) {
    if ((error as { code?: string }).code === 'ResourceNotFoundException') return null;
    throw error;
  }
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecretsClient } from '@rekey/client';
import { startTestRekey } from './testing.ts';

test('the test kit gives a whole server that a client can use, and stops it', async () => {
  const rekey = await startTestRekey();
  const client = new SecretsClient({ endpoint: rekey.endpoint, region: rekey.region, credentials: rekey.credentials });
  try {
    await client.call('CreateSecret', { Name: 'kit', SecretString: 'value' });
    assert.equal((await client.getSecretValue({ SecretId: 'kit' })).SecretString, 'value');
    const bearer = new SecretsClient({
      endpoint: rekey.endpoint,
      region: rekey.region,
      credentials: rekey.credentials,
      token: rekey.token,
    });
    assert.equal((await bearer.native('GET', '/rekey/status')).secrets, 1);
  } finally {
    await rekey.stop();
  }
  await assert.rejects(fetch(rekey.endpoint));
});

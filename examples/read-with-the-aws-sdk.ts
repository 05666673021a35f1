// Reads, rotates and reads a secret with the stock AWS SDK. Start a server first and paste what it prints:
//
//   npx rekey serve --dev
//   node examples/read-with-the-aws-sdk.ts
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  RotateSecretCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';

const secrets = new SecretsManagerClient({
  endpoint: process.env.AWS_ENDPOINT_URL_SECRETS_MANAGER ?? 'http://127.0.0.1:7420',
});
const SecretId = `example/${Date.now()}`;

await secrets.send(new CreateSecretCommand({ Name: SecretId, SecretString: 'made by hand' }));
const begun = await secrets.send(
  new RotateSecretCommand({
    SecretId,
    RotationLambdaARN: 'rekey-random-value',
    RotationRules: { AutomaticallyAfterDays: 30 },
  }),
);
let current = await secrets.send(new GetSecretValueCommand({ SecretId }));
while (current.VersionId !== begun.VersionId) {
  await new Promise((resolve) => setTimeout(resolve, 50));
  current = await secrets.send(new GetSecretValueCommand({ SecretId }));
}
console.log(`${SecretId} has a new value of ${current.SecretString?.length} characters, version ${current.VersionId}`);

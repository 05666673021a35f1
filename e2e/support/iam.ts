import { callIam } from './iam-call.ts';
import { ROOT_ACCESS_KEY_ID, ROOT_SECRET_ACCESS_KEY } from './server.ts';

const ROOT = { accessKeyId: ROOT_ACCESS_KEY_ID, secretAccessKey: ROOT_SECRET_ACCESS_KEY };

/** A user with one inline policy `Own` of these statements, and an access key of his. */
export async function createUser(
  endpoint: string,
  name: string,
  statements: readonly object[],
): Promise<{ readonly accessKeyId: string; readonly secretAccessKey: string }> {
  await callIam(endpoint, ROOT, 'CreateUser', { UserName: name });
  await callIam(endpoint, ROOT, 'PutUserPolicy', {
    UserName: name,
    PolicyName: 'Own',
    PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: statements }),
  });
  const made = await callIam(endpoint, ROOT, 'CreateAccessKey', { UserName: name });
  return { accessKeyId: made('AccessKeyId'), secretAccessKey: made('SecretAccessKey') };
}

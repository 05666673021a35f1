import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { translateLabel } from '../../service/aws-labels.ts';
import { openFace, refusalOf, requestOf, token } from './testing.ts';

describe('the face', () => {
  test('owns what is addressed to the service, and JSON 1.1 that is addressed to nobody', async () => {
    const { face } = await openFace();
    const request = requestOf('GetSecretValue', {});
    const withHeaders = (...headers: [string, string][]) => ({ ...request, headers });
    assert.ok(face.owns(request));
    assert.ok(face.owns(withHeaders(['content-type', 'application/x-amz-json-1.1'])));
    assert.ok(!face.owns(withHeaders(['content-type', 'application/x-www-form-urlencoded'])));
    assert.ok(!face.owns(withHeaders(['x-amz-target', 'DynamoDB_20120810.GetItem'])));
  });

  test('answers JSON 1.1 with the id of the request', async () => {
    const { face } = await openFace();
    const request = requestOf('ListSecrets', {});
    const { status, headers, body } = await face.handle(request);
    assert.deepEqual([status, body], [200, '{"SecretList":[]}']);
    assert.deepEqual(headers, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': request.id });
  });

  test('knows no operation that the service has not, no other path, no other method', async () => {
    const { face } = await openFace();
    const known = requestOf('ListSecrets', {});
    for (const request of [
      requestOf('NoSuchOperation', {}),
      requestOf('constructor', {}),
      { ...known, path: '/other' },
      { ...known, method: 'GET' },
    ])
      assert.equal(refusalOf(await face.handle(request)).type, 'UnknownOperationException');
  });

  test('proves who asks before it reads what is asked', async () => {
    const { face, audited } = await openFace();
    const request = requestOf('GetSecretValue', Buffer.from('{'));
    const unsigned = { ...request, headers: request.headers.filter(([name]) => name !== 'authorization') };
    assert.deepEqual(refusalOf(await face.handle(unsigned)), {
      status: 400,
      type: 'MissingAuthenticationTokenException',
      text: 'Missing Authentication Token',
    });
    const { principal, action, outcome } = audited.at(-1)!;
    assert.deepEqual([principal, action, outcome], ['anonymous', 'secretsmanager:GetSecretValue', 'denied']);
    assert.equal(refusalOf(await face.handle(request)).type, 'SerializationException');
  });

  test('audits every request once: served, refused by a rule, refused as malformed, unknown', async () => {
    const { face, audited, call } = await openFace();
    await call('CreateSecret', { Name: 'a', ClientRequestToken: token('t'), SecretString: 'tell nobody' });
    await face.handle(requestOf('GetSecretValue', { SecretId: 'a' }));
    await face.handle(requestOf('GetSecretValue', { SecretId: 'never' }));
    await face.handle(requestOf('GetSecretValue', { SecretId: 7 }));
    await face.handle(requestOf('Nothing', {}));
    assert.deepEqual(
      audited.map(({ action, outcome, versionId }) => [action, outcome, versionId]),
      [
        ['secretsmanager:CreateSecret', 'allowed', token('t')],
        ['secretsmanager:GetSecretValue', 'allowed', token('t')],
        ['secretsmanager:GetSecretValue', 'failed', null],
        ['secretsmanager:GetSecretValue', 'failed', null],
        ['secretsmanager:Unknown', 'failed', null],
      ],
    );
    assert.ok(!JSON.stringify(audited).includes('tell nobody'));
    assert.equal(new Set(audited.map(({ requestId }) => requestId)).size, audited.length);
  });

  test('answers nothing it could not audit', async () => {
    const { face, call, breakAudit } = await openFace();
    await call('CreateSecret', { Name: 'a', ClientRequestToken: token('t'), SecretString: 'v' });
    breakAudit();
    const internal = { status: 500, type: 'InternalServiceError', text: 'An error occurred on the server side.' };
    for (const request of [
      requestOf('GetSecretValue', { SecretId: 'a' }),
      requestOf('GetSecretValue', {}),
      requestOf('X', {}),
    ])
      assert.deepEqual(refusalOf(await face.handle(request)), internal);
  });

  test('refuses a body that the listener cut off in its own words', async () => {
    const { face } = await openFace();
    const { status, type } = refusalOf(await face.refuseLargeBody!(requestOf('PutSecretValue', {}), 1024));
    assert.deepEqual([status, type], [413, 'RequestEntityTooLargeException']);
  });
});

test('labels translate both ways without ever meeting', () => {
  const labels = ['AWSCURRENT', 'AWSPENDING', 'AWSPREVIOUS', 'current', 'pending', 'previous', 'AWSSOMETHING', 'mine'];
  const translated = labels.map(translateLabel);
  assert.deepEqual(translated.slice(0, 3), ['current', 'pending', 'previous']);
  assert.equal(new Set(translated).size, labels.length);
  assert.deepEqual(translated.map(translateLabel), labels);
});

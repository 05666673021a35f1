import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openFace } from './testing.ts';

const THUMBPRINT = 'a'.repeat(40);

describe('OIDC providers', () => {
  test('are created with client ids and thumbprints, read, listed and deleted', async () => {
    const { call, refusal, directory } = await openFace();
    const wish = {
      Url: 'https://oidc.example:8443/id/A1',
      ClientIDList: ['sts.amazonaws.com'],
      ThumbprintList: [THUMBPRINT],
    };
    const { OpenIDConnectProviderArn } = await call('CreateOpenIDConnectProvider', wish);
    const target = { OpenIDConnectProviderArn };
    assert.equal(OpenIDConnectProviderArn, 'arn:aws:iam::000000000000:oidc-provider/oidc.example:8443/id/A1');
    const read = await call('GetOpenIDConnectProvider', target);
    assert.deepEqual(
      [read.Url, read.ClientIDList, read.ThumbprintList],
      ['oidc.example:8443/id/A1', ['sts.amazonaws.com'], [THUMBPRINT]],
    );
    const { OpenIDConnectProviderList } = await call('ListOpenIDConnectProviders');
    assert.deepEqual(OpenIDConnectProviderList, [{ Arn: OpenIDConnectProviderArn }]);
    assert.equal((await directory.findProvider('oidc.example:8443/id/A1'))?.issuer, wish.Url);
    const taken = await refusal('CreateOpenIDConnectProvider', wish);
    assert.deepEqual([taken.status, taken.code], [409, 'EntityAlreadyExists']);
    await call('DeleteOpenIDConnectProvider', target);
    await call('DeleteOpenIDConnectProvider', target);
    const gone = await refusal('GetOpenIDConnectProvider', target);
    assert.deepEqual(gone, {
      status: 404,
      code: 'NoSuchEntity',
      text: `OpenIDConnect Provider not found for arn ${OpenIDConnectProviderArn}`,
    });
  });

  test('gain and lose client ids, once each, and get other thumbprints', async () => {
    const { call } = await openFace();
    const { OpenIDConnectProviderArn } = await call('CreateOpenIDConnectProvider', { Url: 'https://oidc.example' });
    const target = { OpenIDConnectProviderArn };
    for (const ClientID of ['a', 'b', 'a']) await call('AddClientIDToOpenIDConnectProvider', { ...target, ClientID });
    for (const ClientID of ['b', 'none'])
      await call('RemoveClientIDFromOpenIDConnectProvider', { ...target, ClientID });
    await call('UpdateOpenIDConnectProviderThumbprint', { ...target, ThumbprintList: [THUMBPRINT] });
    const read = await call('GetOpenIDConnectProvider', target);
    assert.deepEqual([read.ClientIDList, read.ThumbprintList], [['a'], [THUMBPRINT]]);
  });

  const URLS = [
    'http://oidc.example',
    'oidc.example',
    'https://',
    'https://oidc.example?query',
    'https://oidc.example/#fragment',
    'https://user:password@oidc.example',
    'https://oidc.example/a b',
    'ftp://oidc.example',
  ];
  for (const Url of URLS)
    test(`are refused an issuer that is none: ${Url}`, async () => {
      const { refusal } = await openFace();
      const { status, code } = await refusal('CreateOpenIDConnectProvider', { Url });
      assert.deepEqual([status, code], [400, 'InvalidInput']);
    });

  test('are refused thumbprints that are none', async () => {
    const { refusal } = await openFace();
    const short = await refusal('CreateOpenIDConnectProvider', { Url: 'https://a.example', ThumbprintList: ['abc'] });
    assert.equal(short.code, 'ValidationError');
    const ThumbprintList = ['z'.repeat(40)];
    assert.equal(
      (await refusal('CreateOpenIDConnectProvider', { Url: 'https://a.example', ThumbprintList })).code,
      'InvalidInput',
    );
  });
});

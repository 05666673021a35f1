import assert from 'node:assert/strict';
import type { LookupFunction } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { RekeyError } from '@rekey/core';
import { isPublicAddress } from './address-rules.ts';
import { documentFetcher } from './fetch-document.ts';
import { makeKey, sendJson, signToken, soundClaims, startIssuer, type TestIssuer } from './issuer.testing.ts';
import { IssuerKeys, type IssuerKeysOptions } from './issuer-keys.ts';
import type { IssuerRules } from './provider.ts';

/** Keys of a real issuer, under a clock of the test's. */
async function opened(
  context: TestContext,
  options: Partial<IssuerKeysOptions & IssuerRules> & {
    readonly issuer?: TestIssuer;
    readonly lookup?: LookupFunction;
  } = {},
) {
  const issuer = options.issuer ?? (await startIssuer());
  context.after(() => issuer.stop());
  const clock = { now: Date.now() };
  const keys = new IssuerKeys({
    now: () => clock.now,
    rules: { allowHttp: options.allowHttp ?? false },
    trustOf: () => ({ certificateAuthorityFile: 'ca', bearerTokenFile: null }),
    readFile: async (file) => (file === 'ca' ? issuer.certificate : assert.fail(file)),
    fetchDocument: documentFetcher({
      allowPrivateAddresses: options.allowPrivateAddresses ?? true,
      ...(options.lookup === undefined ? {} : { lookup: options.lookup }),
      largest: 20_000,
    }),
    ...options,
  });
  const find = (kid: string, alg = 'ES256') => keys.find(issuer.url, { kid, alg });
  const paths = () => issuer.asked.map(({ path }) => path);
  return { issuer, keys, clock, find, paths };
}

/** What `find` is refused with. */
async function refusal(finding: Promise<unknown>): Promise<string> {
  try {
    await finding;
  } catch (error) {
    assert.ok(error instanceof RekeyError, String(error));
    return `${error.reason}: ${error.message}`;
  }
  return 'found';
}

const DISCOVERY = '/.well-known/openid-configuration';

describe('the keys of an issuer', () => {
  test('are fetched once, over TLS by the authority that was given, however many ask at once', async (context) => {
    const { find, paths } = await opened(context);
    await Promise.all([find('first'), find('first'), find('first')]);
    await find('first');
    assert.deepEqual(paths(), [DISCOVERY, '/keys']);
  });

  test('are refused over TLS that the given authority does not vouch for', async (context) => {
    const other = await startIssuer();
    context.after(() => other.stop());
    const { find } = await opened(context, {
      readFile: async () => other.certificate,
    });
    assert.match(await refusal(find('first')), /^identity-provider-unreachable: /);
  });

  test('are fetched again when they are ten minutes old, so that a withdrawn key is forgotten', async (context) => {
    const { find, issuer, clock } = await opened(context);
    await find('first');
    issuer.keys = [makeKey('second')];
    clock.now += 10 * 60_000;
    assert.match(await refusal(find('first')), /^invalid-identity-token: /);
    await find('second');
  });

  test('serve for an hour while the issuer does not answer, and no longer', async (context) => {
    const { find, issuer, clock } = await opened(context);
    await find('first');
    issuer.instead.set(DISCOVERY, (_, response) => response.writeHead(503).end());
    clock.now += 59 * 60_000;
    await find('first');
    clock.now += 60_000;
    assert.match(await refusal(find('first')), /^identity-provider-unreachable: .*status 503/);
  });

  test('are fetched for an unknown key id at most once in 30 seconds', async (context) => {
    const { find, issuer, clock, paths } = await opened(context);
    await find('first');
    for (let at = 0; at < 50; at++) assert.match(await refusal(find(`invented-${at}`)), /^invalid-identity-token: /);
    assert.equal(paths().length, 2, 'the set was fetched a moment ago');
    clock.now += 30_000;
    for (let at = 0; at < 50; at++) await refusal(find(`invented-${at}`));
    assert.equal(paths().length, 4);
    clock.now += 30_000;
    issuer.keys.push(makeKey('second'));
    await find('second');
    assert.equal(paths().length, 6);
  });

  test('stay known when a refetch for an unknown key id fails', async (context) => {
    const { find, issuer, clock } = await opened(context);
    await find('first');
    clock.now += 30_000;
    issuer.instead.set('/keys', (_, response) => response.destroy());
    assert.match(await refusal(find('invented')), /^identity-provider-unreachable: /);
    await find('first');
  });

  test('that cannot be had within the time budget are an issuer that is unreachable', async (context) => {
    const { find, issuer } = await opened(context, { budget: 50 });
    issuer.instead.set('/keys', () => {});
    assert.match(await refusal(find('first')), /^identity-provider-unreachable: .*within 50 ms/);
  });

  test('whose issuer cannot even be looked up within the budget are unreachable too', async (context) => {
    const { find } = await opened(context, { budget: 50, lookup: () => {} });
    assert.match(await refusal(find('first')), /within 50 ms/);
  });

  test('are asked for again a second after a first failure, not sooner', async (context) => {
    const { find, issuer, clock, paths } = await opened(context);
    issuer.instead.set(DISCOVERY, (_, response) => response.writeHead(500).end());
    for (let at = 0; at < 10; at++) assert.match(await refusal(find('first')), /status 500/);
    assert.equal(paths().length, 1);
    issuer.instead.clear();
    clock.now += 1_000;
    await find('first');
  });

  for (const [what, path, answer] of [
    ['redirects its discovery document', DISCOVERY, redirect],
    ['redirects its key set', '/keys', redirect],
    ['sends more than is read', '/keys', tooMuch],
    ['sends no JSON', '/keys', noJson],
    ['sends a list', DISCOVERY, list],
    ['sends a key set without keys', '/keys', empty],
    ['names another issuer', DISCOVERY, otherIssuer],
    ['names a key set over http', DISCOVERY, keysOverHttp],
    ['names a key set in a file', DISCOVERY, keysInFile],
  ] as const) {
    test(`are not had of an issuer that ${what}`, async (context) => {
      const { find, issuer } = await opened(context);
      issuer.instead.set(path, (_, response) => answer(response, issuer));
      assert.match(await refusal(find('first')), /^identity-provider-unreachable: /);
      assert.ok(issuer.asked.every((asked) => !asked.path.includes('elsewhere')));
    });
  }

  test('are never private or symmetric ones', async (context) => {
    const { find, issuer } = await opened(context);
    const secret = makeKey('secret');
    issuer.instead.set('/keys', (_, response) =>
      sendJson(response, {
        keys: [
          { kty: 'oct', kid: 'shared', alg: 'HS256', k: 'c2VjcmV0' },
          { ...secret.privateKey.export({ format: 'jwk' }), kid: 'secret', alg: 'ES256' },
          null,
        ],
      }),
    );
    assert.match(await refusal(find('shared', 'HS256')), /^invalid-identity-token: /);
    assert.match(await refusal(find('secret')), /^invalid-identity-token: /);
  });
});

describe('the bearer token for an issuer', () => {
  test('is read anew and sent to the issuer’s own origin only', async (context) => {
    const elsewhere = await startIssuer();
    context.after(() => elsewhere.stop());
    const issuer = await startIssuer();
    let token = 'one';
    const { find, clock } = await opened(context, {
      issuer,
      trustOf: () => ({ certificateAuthorityFile: 'ca', bearerTokenFile: 'token' }),
      readFile: async (file) => (file === 'ca' ? `${issuer.certificate}\n${elsewhere.certificate}` : `${token}\n`),
    });
    await find('first');
    token = 'two';
    issuer.instead.set(DISCOVERY, (_, response) =>
      sendJson(response, { issuer: issuer.url, jwks_uri: `${elsewhere.url}/keys` }),
    );
    elsewhere.keys = issuer.keys;
    clock.now += 10 * 60_000;
    await find('first');
    assert.deepEqual(
      issuer.asked.map(({ authorization }) => authorization),
      ['Bearer one', 'Bearer one', 'Bearer two'],
    );
    assert.deepEqual(elsewhere.asked, [{ path: '/keys', authorization: null }]);
  });
});

describe('an issuer at an address that is not public', () => {
  test('is not connected to by its name', async (context) => {
    const { find, paths } = await opened(context, { allowPrivateAddresses: false });
    assert.match(await refusal(find('first')), /^identity-provider-unreachable: .*REKEY_ALLOW_PRIVATE_ISSUERS=1/);
    assert.deepEqual(paths(), []);
  });

  for (const address of ['127.0.0.1', '[::1]', '169.254.169.254', '2130706433', '0x7f.1', '[::ffff:10.0.0.1]']) {
    test(`is not connected to by the address ${address}`, async (context) => {
      const { keys } = await opened(context, { allowPrivateAddresses: false });
      const found = keys.find(`https://${address}`, { alg: 'ES256', kid: 'first' });
      assert.match(await refusal(found), /REKEY_ALLOW_PRIVATE_ISSUERS=1/);
    });
  }

  test('is not connected to where only the key set is there', async (context) => {
    const issuer = await startIssuer();
    const { port } = new URL(issuer.url);
    let looked = 0;
    // Stands for the public Internet until the key set is asked for.
    const { keys } = await opened(context, {
      issuer,
      fetchDocument: async (request) => {
        if (request.url.pathname === '/keys') return documentFetcher({ allowPrivateAddresses: false })(request);
        looked += 1;
        return JSON.stringify({ issuer: 'https://public.example', jwks_uri: `https://127.0.0.1:${port}/keys` });
      },
    });
    const found = keys.find('https://public.example', { alg: 'ES256', kid: 'first' });
    assert.match(await refusal(found), /REKEY_ALLOW_PRIVATE_ISSUERS=1/);
    assert.equal(looked, 1);
    assert.deepEqual(issuer.asked, []);
  });

  test('is not connected to where its name has a public address besides', async (context) => {
    const lookup: LookupFunction = (_, __, callback) =>
      callback(null, [
        { address: '93.184.216.34', family: 4 },
        { address: '10.0.0.1', family: 4 },
      ]);
    const { find } = await opened(context, { allowPrivateAddresses: false, lookup });
    assert.match(await refusal(find('first')), /REKEY_ALLOW_PRIVATE_ISSUERS=1/);
  });

  test('is connected to by plain http where both settings allow it', async (context) => {
    const issuer = await startIssuer({ tls: false, path: '/realms/shop' });
    const { find } = await opened(context, { issuer, allowHttp: true });
    await find('first');
    assert.equal(issuer.asked[0]?.path, `/realms/shop${DISCOVERY}`);
  });
});

test('public addresses are told from all others', () => {
  for (const address of ['8.8.8.8', '1.1.1.1', '172.32.0.1', '2606:4700::1', '::ffff:8.8.8.8', '64:ff9b::808:808'])
    assert.ok(isPublicAddress(address), address);
  for (const address of [
    ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.9.9.9', '169.254.169.254', '172.16.0.1', '172.31.255.255'],
    ...['192.0.0.8', '192.168.1.1', '198.18.0.1', '224.0.0.1', '255.255.255.255', '240.0.0.1'],
    ...['::', '::1', 'fe80::1', 'fc00::1', 'fd12::1', 'ff02::1', '2001:db8::1', '2002:a00::1', '2001::1'],
    ...['::ffff:127.0.0.1', '::ffff:7f00:1', '64:ff9b::a00:1', '::7f00:1', 'fe80::1%eth0', 'localhost', ''],
  ])
    assert.ok(!isPublicAddress(address), address);
});

test('a token of a real issuer passes from end to end', async (context) => {
  const { issuer, keys, clock } = await opened(context);
  const { WebIdentityVerifier } = await import('./web-identity.ts');
  const provider = {
    arn: 'arn:aws:iam::000000000000:oidc-provider/x',
    issuer: issuer.url,
    clientIds: ['sts.amazonaws.com'],
  };
  const verifier = new WebIdentityVerifier({ keys, findProvider: async () => provider, now: () => clock.now });
  const identity = await verifier.verify(signToken(issuer.keys[0]!, soundClaims(issuer.url, clock.now)));
  assert.equal(identity.audience, 'sts.amazonaws.com');
});

type Response = Parameters<typeof sendJson>[0];

function redirect(response: Response): void {
  response.writeHead(302, { location: '/elsewhere' }).end();
}

function tooMuch(response: Response): void {
  sendJson(response, { keys: [], more: 'x'.repeat(20_000) });
}

function noJson(response: Response): void {
  response.writeHead(200).end('<html>');
}

function list(response: Response): void {
  sendJson(response, []);
}

function empty(response: Response): void {
  sendJson(response, {});
}

function otherIssuer(response: Response, issuer: TestIssuer): void {
  sendJson(response, { issuer: `${issuer.url}/`, jwks_uri: `${issuer.url}/keys` });
}

function keysOverHttp(response: Response, issuer: TestIssuer): void {
  sendJson(response, { issuer: issuer.url, jwks_uri: `${issuer.url.replace('https', 'http')}/keys` });
}

function keysInFile(response: Response, issuer: TestIssuer): void {
  sendJson(response, { issuer: issuer.url, jwks_uri: 'file:///etc/passwd' });
}

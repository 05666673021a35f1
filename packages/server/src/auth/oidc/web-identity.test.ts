import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, test } from 'node:test';
import { RekeyError } from '@rekey/core';
import fc from 'fast-check';
import { type Claims, type IssuerKey, makeKey, part, signToken, soundClaims } from './issuer.testing.ts';
import { IssuerKeys } from './issuer-keys.ts';
import { WebIdentityVerifier } from './web-identity.ts';

const ISSUER = 'https://issuer.example:8443/realms/shop';
const NOW = Date.UTC(2026, 0, 5, 12);
const PROVIDER = {
  arn: 'arn:aws:iam::000000000000:oidc-provider/issuer.example:8443/realms/shop',
  issuer: ISSUER,
  clientIds: ['sts.amazonaws.com', 'other-client'],
};

/** A verifier whose issuer is a table of documents. */
function opened(keys: readonly IssuerKey[], fetched: string[] = []) {
  const documents: Record<string, unknown> = {
    [`${ISSUER}/.well-known/openid-configuration`]: { issuer: ISSUER, jwks_uri: `${ISSUER}/keys` },
    [`${ISSUER}/keys`]: { keys: keys.map((key) => key.publicJwk) },
  };
  const now = () => NOW;
  const issuerKeys = new IssuerKeys({
    now,
    rules: { allowHttp: false },
    trustOf: () => ({ certificateAuthorityFile: null, bearerTokenFile: null }),
    readFile: async () => '',
    fetchDocument: async ({ url }) => {
      fetched.push(url.href);
      return JSON.stringify(documents[url.href]);
    },
  });
  const findProvider = async (issuer: string) => (issuer === ISSUER ? PROVIDER : null);
  return new WebIdentityVerifier({ keys: issuerKeys, findProvider, now });
}

const key = makeKey('first');
const claims: Claims = soundClaims(ISSUER, NOW);
const seconds = NOW / 1000;

async function reasonOf(token: string, keys: readonly IssuerKey[] = [key]): Promise<string> {
  try {
    await opened(keys).verify(token);
  } catch (error) {
    assert.ok(error instanceof RekeyError, String(error));
    return `${error.reason}: ${error.message}`;
  }
  return 'accepted';
}

describe('a web identity token', () => {
  for (const alg of ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']) {
    test(`signed by ${alg} is accepted`, async () => {
      const own = makeKey('own', alg);
      const identity = await opened([makeKey('other'), own]).verify(signToken(own, claims));
      assert.equal(identity.subject, 'system:serviceaccount:shop:api');
      assert.equal(identity.provider, PROVIDER);
    });
  }

  test('gives the condition keys of its provider, port and path included', async () => {
    const identity = await opened([key]).verify(
      signToken(key, { ...claims, azp: 'other-client', email: 'a@b.example', amr: ['pwd', 'otp'] }),
    );
    assert.equal(identity.audience, 'other-client');
    assert.deepEqual(identity.keys, {
      'issuer.example:8443/realms/shop:sub': 'system:serviceaccount:shop:api',
      'issuer.example:8443/realms/shop:aud': 'other-client',
      'issuer.example:8443/realms/shop:oaud': 'sts.amazonaws.com',
      'issuer.example:8443/realms/shop:azp': 'other-client',
      'issuer.example:8443/realms/shop:email': 'a@b.example',
      'issuer.example:8443/realms/shop:amr': ['pwd', 'otp'],
    });
  });

  test('for several audiences is accepted for the one that is registered', async () => {
    const identity = await opened([key]).verify(signToken(key, { ...claims, aud: ['elsewhere', 'other-client'] }));
    assert.equal(identity.audience, 'other-client');
  });

  test('that is ahead of our clock by less than a minute is accepted', async () => {
    const ahead = { ...claims, iat: seconds + 59, nbf: seconds + 59 };
    await opened([key]).verify(signToken(key, ahead));
  });

  const publicText = JSON.stringify(key.publicJwk);
  const byHmac = (secret: string) => {
    const input = `${part({ alg: 'HS256', kid: 'first' })}.${part(claims)}`;
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
  };
  const without = (claim: string) => {
    const { [claim]: _, ...rest } = claims;
    return signToken(key, rest);
  };
  const invalid: readonly (readonly [string, string, RegExp])[] = [
    ['signed by another key of the same id', signToken(makeKey('first'), claims), /signature/],
    ['with alg none', `${part({ alg: 'none' })}.${part(claims)}.`, /algorithm/],
    ['with alg none and a signature', signToken(key, claims, { alg: 'none' }), /algorithm/],
    ['signed by HMAC with the public key', byHmac(publicText), /algorithm/],
    ['that claims an algorithm its key does not have', signToken(key, claims, { alg: 'ES384' }), /no key/],
    ['with a key of its own in the header', signToken(makeKey('evil'), claims, evilHeader()), /no key/],
    [
      'of an issuer that is not configured',
      signToken(key, { ...claims, iss: 'https://evil.example' }),
      /No OpenIDConnect provider found in your account for https:\/\/evil\.example/,
    ],
    [
      'of an issuer without path',
      signToken(key, { ...claims, iss: 'https://issuer.example:8443' }),
      /No OpenIDConnect provider/,
    ],
    [
      'of an issuer over http',
      signToken(key, { ...claims, iss: ISSUER.replace('https', 'http') }),
      /No OpenIDConnect provider/,
    ],
    ['whose issuer is no text', signToken(key, { ...claims, iss: [ISSUER] }), /No OpenIDConnect provider/],
    ['for another audience', signToken(key, { ...claims, aud: 'elsewhere' }), /Incorrect token audience/],
    ['for another party', signToken(key, { ...claims, azp: 'elsewhere' }), /Incorrect token audience/],
    ['not valid yet', signToken(key, { ...claims, nbf: seconds + 61 }), /not valid yet/],
    ['issued in the future', signToken(key, { ...claims, iat: seconds + 61 }), /not valid yet/],
    [
      'whose expiry is no number',
      signToken(key, { ...claims, exp: 'never' }),
      /The claim exp of the token has another form/,
    ],
    ['whose subject is empty', signToken(key, { ...claims, sub: '' }), /The claim sub of the token has another form/],
    [
      'whose subject is longer than AWS takes',
      signToken(key, { ...claims, sub: 'x'.repeat(256) }),
      /claim sub of the token/,
    ],
    ['with a critical extension', signToken(key, claims, { crit: ['b64'], b64: false }), /not a valid JWT/],
    ['with two parts', 'e30.e30', /not a valid JWT/],
    ['with five parts, as an encrypted one', 'e30.e30.e30.e30.e30', /not a valid JWT/],
    ['that is no base64url', `${part({ alg: 'ES256' })}.$$$.x`, /not a valid JWT/],
    ['whose claims are a list', `${part({ alg: 'ES256' })}.${part([])}.x`, /not a valid JWT/],
    ['that is huge', signToken(key, { ...claims, more: 'x'.repeat(20_000) }), /not a valid JWT/],
    ...['sub', 'aud', 'exp', 'iat'].map(
      (claim) => [`without ${claim}`, without(claim), new RegExp(`claim: ${claim}`)] as const,
    ),
  ];
  for (const [what, token, sentence] of invalid) {
    test(`${what} is refused`, async () => {
      const reason = await reasonOf(token);
      assert.match(reason, /^invalid-identity-token: /);
      assert.match(reason, sentence);
    });
  }

  test('that has expired is told to be expired, without any grace', async () => {
    assert.equal(
      await reasonOf(signToken(key, { ...claims, exp: seconds })),
      `identity-token-expired: Token expired: current date/time ${seconds} must be before the expiration date/time ${seconds}`,
    );
    assert.equal(await reasonOf(signToken(key, { ...claims, exp: seconds + 1 })), 'accepted');
  });

  test('that has expired but is signed by a stranger is not even told to be expired', async () => {
    const reason = await reasonOf(signToken(makeKey('first'), { ...claims, exp: 1 }));
    assert.match(reason, /signature/);
  });

  test('makes nobody fetch anything where its issuer is not configured or its algorithm not accepted', async () => {
    const fetched: string[] = [];
    const verifier = opened([key], fetched);
    await assert.rejects(verifier.verify(signToken(key, { ...claims, iss: 'https://evil.example' })));
    await assert.rejects(verifier.verify(byHmac(publicText)));
    assert.deepEqual(fetched, []);
  });

  test('altered anywhere is refused as a token, whatever the alteration makes of it', async () => {
    const verifier = opened([key]);
    const sound = signToken(key, claims);
    const [header, payload, signature] = sound.split('.') as [string, string, string];
    const text = fc.string({ unit: 'binary', maxLength: 40 });
    const altered = fc.oneof(
      text,
      fc.tuple(text, text, text).map((parts) => parts.map((one) => Buffer.from(one).toString('base64url')).join('.')),
      fc.json().map((json) => `${Buffer.from(json).toString('base64url')}.${payload}.${signature}`),
      fc.json().map((json) => `${header}.${Buffer.from(json).toString('base64url')}.${signature}`),
      fc
        .tuple(fc.nat({ max: sound.length - 3 }), text)
        .map(([at, by]) => sound.slice(0, at) + by + sound.slice(at + 1)),
    );
    const property = fc.asyncProperty(altered, async (token) => {
      fc.pre(token !== sound);
      await assert.rejects(verifier.verify(token), { reason: 'invalid-identity-token' });
    });
    await fc.assert(property, { numRuns: 500 });
  });

  test('never has the addresses in its header followed', async () => {
    const fetched: string[] = [];
    await assert.rejects(opened([key], fetched).verify(signToken(makeKey('evil'), claims, evilHeader())));
    assert.ok(
      fetched.every((url) => url.startsWith(ISSUER)),
      fetched.join(),
    );
  });
});

function evilHeader(): Claims {
  return {
    jku: 'https://evil.example/keys',
    x5u: 'https://evil.example/chain',
    jwk: makeKey('evil').publicJwk,
  };
}

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { RekeyError } from '@rekey/core';
import { AwsKmsSeal, type AwsKmsSettings } from './aws-kms.ts';
import { sealConformance } from './conformance.ts';
import { createKeyFile, LocalKeySeal } from './local-key.ts';
import { PassphraseSeal, type ScryptParameters } from './passphrase.ts';
import { fakeKms, fakeVault, IMPATIENT } from './seals.testing.ts';
import { VaultTransitSeal, type VaultTransitSettings } from './vault-transit.ts';

/** Cheap to guess, which a test does not mind. */
const CHEAP: ScryptParameters = { cost: 4, blockSize: 8, parallelism: 1 };
const PASSPHRASE = 'six words that nobody would guess';
const TOKEN = 'hvs.token-of-a-test';
const AWS = { AWS_REGION: 'eu-central-1' };

let folder: string;
const kms = fakeKms();
const vault = fakeVault(TOKEN);

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-seals-'));
  process.env.AWS_ACCESS_KEY_ID = 'AKIASEALTEST';
  process.env.AWS_SECRET_ACCESS_KEY = 'secret-access-key-of-the-seal-test';
  await kms.start();
  await vault.start();
  for (const service of [kms, vault]) for (const key of ['one', 'other']) service.addKey(key);
});
after(async () => {
  await kms.stop();
  await vault.stop();
  await rm(folder, { recursive: true, force: true });
});

const kmsSeal = (key: string, more: Partial<AwsKmsSettings> = {}) =>
  new AwsKmsSeal({
    settings: { key, region: null, endpoint: kms.endpoint, profile: null, ...more },
    environment: AWS,
    patience: IMPATIENT,
  });
const vaultSeal = (key: string, more: Partial<VaultTransitSettings> & { token?: string } = {}) => {
  const { token = TOKEN, ...settings } = more;
  return new VaultTransitSeal({
    settings: { address: vault.endpoint, key, mount: 'transit', namespace: null, ...settings },
    token: { variable: 'REKEY_VAULT_TOKEN', text: token },
    caFile: null,
    patience: IMPATIENT,
  });
};
const passphraseSeal = (text: string, parameters = CHEAP) =>
  new PassphraseSeal({ source: { variable: 'REKEY_PASSPHRASE', text }, parameters });

sealConformance('local-key', () => {
  const [file, other] = [join(folder, `key-${Math.random()}`), join(folder, `other-${Math.random()}`)];
  createKeyFile(file);
  const secrets = [readFileSync(file, 'latin1').trim()];
  return { open: () => new LocalKeySeal(file), openOther: () => new LocalKeySeal(other), secrets };
});
sealConformance('passphrase', () => ({
  open: () => passphraseSeal(PASSPHRASE),
  openOther: () => passphraseSeal('quite another passphrase'),
  secrets: [PASSPHRASE, 'quite another'],
}));
sealConformance('aws-kms', () => ({
  open: () => kmsSeal('one'),
  openOther: () => kmsSeal('other'),
  secrets: ['secret-access-key-of-the-seal-test', 'secret detail'],
  away: { begin: () => kms.stop(), end: () => kms.start() },
}));
sealConformance('vault-transit', () => ({
  open: () => vaultSeal('one'),
  openOther: () => vaultSeal('other'),
  secrets: [TOKEN],
  away: { begin: () => vault.stop(), end: () => vault.start() },
}));

const failsWith = (reason: string, text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RekeyError);
  assert.equal(error.reason, reason, error.message);
  assert.match(error.message, text);
  return true;
};
const plain = Buffer.alloc(40, 7);

describe('a passphrase', () => {
  it('is derived with the stated parameters, which are kept with what was wrapped', async () => {
    const wrapped = await new PassphraseSeal({ source: { variable: 'P', text: PASSPHRASE } }).wrap(plain, 'c');
    assert.deepEqual([...wrapped.subarray(0, 4)], [1, 17, 8, 1]);
    assert.deepEqual(Buffer.from(await passphraseSeal(PASSPHRASE).unwrap(wrapped, 'c')), plain);
  });

  it('opens without the line feed of its file, and however its letters are composed', async () => {
    const file = join(folder, 'passphrase');
    await writeFile(file, 'a pa\u00dfphr\u00e4se of many letters\n', { mode: 0o600 });
    const wrapped = await new PassphraseSeal({ source: { file }, parameters: CHEAP }).wrap(plain, 'c');
    const typed = passphraseSeal('a pa\u00dfphra\u0308se of many letters');
    assert.deepEqual(Buffer.from(await typed.unwrap(wrapped, 'c')), plain);
  });

  it('is refused when it is short, empty, missing or open to others', async () => {
    await assert.rejects(passphraseSeal('elevenchars').prepare(), failsWith('wrong-use', /12 characters/));
    await assert.rejects(passphraseSeal('').prepare(), failsWith('seal-secret-empty', /REKEY_PASSPHRASE is empty/));
    const file = join(folder, 'loose');
    const seal = new PassphraseSeal({ source: { file } });
    await assert.rejects(seal.prepare(), failsWith('seal-secret-missing', /no passphrase file/));
    await writeFile(file, PASSPHRASE, { mode: 0o600 });
    await chmod(file, 0o644);
    await assert.rejects(seal.prepare(), failsWith('seal-secret-mode', /chmod 600/));
  });

  it('is not derived at a cost that an altered store asks for', async () => {
    const wrapped = await passphraseSeal(PASSPHRASE).wrap(plain, 'c');
    for (const [at, byte] of [
      [1, 40],
      [1, 0],
      [2, 255],
      [3, 200],
    ] as const) {
      const altered = Uint8Array.from(wrapped);
      altered[at] = byte;
      await assert.rejects(passphraseSeal(PASSPHRASE).unwrap(altered, 'c'), failsWith('keyring-altered', /altered/));
    }
  });
});

describe('AWS KMS', () => {
  it('is told the store as encryption context, and asked with the region of the key', async () => {
    const arn = 'arn:aws:kms:ap-south-1:111122223333:key/0a';
    kms.addKey(arn);
    await kmsSeal(arn).wrap(plain, 'rekey keyring of store x');
    const asked = kms.asked.at(-1)!;
    assert.deepEqual(asked.body.EncryptionContext, { rekey: 'rekey keyring of store x' });
    assert.match(String(asked.headers.authorization), /\/ap-south-1\/kms\//);
  });

  it('is asked again while it is busy, and not when it has decided', async () => {
    const busy = { status: 400, body: { __type: 'ThrottlingException' } };
    kms.failures = [busy, { status: 500, body: { __type: 'KMSInternalException' } }];
    await kmsSeal('one').wrap(plain, 'c');
    const before = kms.asked.length;
    kms.failures = [{ status: 400, body: { __type: 'AccessDeniedException', message: 'User: arn:of:somebody' } }];
    await assert.rejects(kmsSeal('one').wrap(plain, 'c'), failsWith('seal-refused', /kms:Encrypt and kms:Decrypt\.$/));
    assert.equal(kms.asked.length, before + 1);
  });

  it('has a sentence for each thing that can be wrong', async () => {
    const sentences: [string, string, RegExp][] = [
      ['DisabledException', 'seal-key-disabled', /enable it/],
      ['KMSInvalidStateException', 'seal-key-disabled', /enable it/],
      ['UnrecognizedClientException', 'seal-credentials', /refused the credentials/],
      ['InvalidKeyUsageException', 'seal-refused', /key for encryption/],
    ];
    for (const [type, reason, text] of sentences) {
      kms.failures = [{ status: 400, body: { __type: type, message: 'not to be repeated' } }];
      await assert.rejects(kmsSeal('one').wrap(plain, 'c'), failsWith(reason, text));
    }
    await assert.rejects(kmsSeal('nowhere').wrap(plain, 'c'), failsWith('seal-key-missing', /does not exist/));
    const lost = new AwsKmsSeal({
      settings: { key: 'one', region: null, endpoint: null, profile: null },
      environment: {},
    });
    await assert.rejects(lost.wrap(plain, 'c'), failsWith('wrong-use', /seal\.region/));
  });

  it('names the package to install when it is missing', async () => {
    const missing = new AwsKmsSeal({
      settings: { key: 'one', region: 'x', endpoint: null, profile: null },
      environment: {},
      load: () => import('./no-such-file.ts' as string),
    });
    await assert.rejects(missing.wrap(plain, 'c'), failsWith('package-missing', /npm install @aws-sdk\/client-kms/));
  });
});

describe('Vault transit', () => {
  it('is given token and namespace as headers', async () => {
    await vaultSeal('one', { namespace: 'team/a' }).wrap(plain, 'c');
    const { headers, path } = vault.asked.at(-1)!;
    assert.deepEqual([headers['x-vault-token'], headers['x-vault-namespace']], [TOKEN, 'team/a']);
    assert.equal(path, '/v1/transit/encrypt/one');
  });

  it('has a sentence for each thing that can be wrong', async () => {
    await assert.rejects(vaultSeal('one', { token: 'old' }).wrap(plain, 'c'), failsWith('seal-refused', /valid token/));
    await assert.rejects(
      vaultSeal('no').wrap(plain, 'c'),
      failsWith('seal-key-missing', /vault write -f transit\/keys\/no/),
    );
    await assert.rejects(vaultSeal('one', { mount: 'x' }).wrap(plain, 'c'), failsWith('seal-key-missing', /x\/one/));
    vault.failures = Array.from({ length: 3 }, () => ({ status: 503, body: { errors: ['Vault is sealed'] } }));
    await assert.rejects(vaultSeal('one').wrap(plain, 'c'), failsWith('seal-unavailable', /HTTP 503/));
    vault.failures = [{ status: 200, body: 'nonsense' }];
    await assert.rejects(vaultSeal('one').wrap(plain, 'c'), failsWith('seal-answer', /does not answer as/));
    vault.failures = [{ status: 307, body: {} }];
    await assert.rejects(vaultSeal('one').wrap(plain, 'c'), failsWith('seal-refused', /HTTP 307/));
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RekeyError } from '@rekey/core';
import type { Environment, SealSettings } from '../seal/open-seal.ts';
import { parseConfigFile } from './config-file.ts';
import { describeSection, isDefaultSeal, readSealSettings, type SealFlags } from './seal-settings.ts';

const read = (flags: SealFlags, environment: Environment = {}, yaml = '') =>
  readSealSettings({
    flags,
    environment,
    section: parseConfigFile(yaml, 'rekey.yaml').seal,
    dataFolder: '/data',
  });

describe('which seal is meant', () => {
  it('is the key file of the data folder where nothing is said', () => {
    const settings = read({});
    assert.deepEqual(settings, { kind: 'local-key', file: '/data/key' });
    assert.ok(isDefaultSeal(settings, '/data'));
    assert.ok(!isDefaultSeal(read({ keyFile: '/elsewhere' }), '/data'));
  });

  it('is told by the command line before the environment, and by that before rekey.yaml', () => {
    const yaml = 'seal:\n  kind: aws-kms\n  key: alias/yaml\n  region: eu-west-1\n';
    const expected = { kind: 'aws-kms', region: 'eu-west-1', endpoint: null, profile: null };
    assert.deepEqual(read({}, {}, yaml), { ...expected, key: 'alias/yaml' });
    assert.deepEqual(read({}, { REKEY_KMS_KEY: 'alias/env' }, yaml), { ...expected, key: 'alias/env' });
    assert.deepEqual(read({ kmsKey: 'alias/flag' }, { REKEY_KMS_KEY: 'alias/env' }, yaml).kind, 'aws-kms');
    assert.deepEqual(read({ seal: 'passphrase' }, { REKEY_PASSPHRASE: 'x' }, yaml), { kind: 'passphrase', file: null });
  });

  it('comes back from the section that is written for it', () => {
    const all: SealSettings[] = [
      { kind: 'local-key', file: '/a: b/key "1"' },
      { kind: 'passphrase', file: '/p' },
      { kind: 'aws-kms', key: 'alias/a', region: null, endpoint: 'https://kms.example', profile: 'ops' },
      {
        ...{ kind: 'vault-transit', address: 'https://v:8200', key: 'rekey', mount: 'transit' },
        ...{ namespace: 'a/b', tokenFile: '/t', caFile: null },
      } as SealSettings,
    ];
    for (const settings of all) assert.deepEqual(read({}, {}, describeSection(settings)), settings);
  });

  it('is refused with a sentence for each mistake', () => {
    const vault = { seal: 'vault-transit', vaultAddress: 'https://v:8200' };
    const mistakes: [SealFlags, Environment, string, RegExp][] = [
      [{ seal: 'kms' }, {}, '', /--seal takes one of local-key, passphrase, aws-kms, vault-transit, not "kms"/],
      [{ kmsKey: 'alias/x' }, {}, '', /--kms-key goes with --seal aws-kms, but the seal is local-key/],
      [{ keyFile: 'key' }, { REKEY_SEAL: 'aws-kms' }, '', /--key-file goes with --seal local-key/],
      [{ seal: 'aws-kms' }, {}, '', /needs the key: --kms-key/],
      [{ seal: 'passphrase' }, {}, '', /needs its passphrase: in a file/],
      [{ seal: 'vault-transit' }, {}, '', /needs the address of Vault/],
      [{ ...vault, vaultAddress: 'http://vault:8200' }, {}, '', /plain HTTP to another machine; use https/],
      [{ ...vault, vaultAddress: 'https://token@vault:8200' }, {}, '', /must look like https/],
      [{ ...vault, vaultAddress: 'vault' }, {}, '', /must look like https/],
      [vault, {}, '', /needs a token/],
      [{}, {}, 'seal:\n  kind: passphrase\n  passphrase: in clear\n', /rekey\.yaml: seal: .*"passphrase"/],
      [{}, {}, 'seal:\n  kind: kms\n', /rekey\.yaml: seal/],
      [{}, {}, 'seal:\n  kind: vault-transit\n  key: a/b\n', /rekey\.yaml: seal\.key: must be the name/],
    ];
    for (const [flags, environment, yaml, sentence] of mistakes)
      assert.throws(
        () => read(flags, environment, yaml),
        (error: unknown) => {
          assert.ok(error instanceof RekeyError);
          assert.match(error.message, sentence);
          assert.equal(error.reason, 'wrong-use');
          return true;
        },
      );
  });
});

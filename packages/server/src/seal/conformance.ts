import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { RekeyError } from '@rekey/core';
import { Keyring } from './keyring.ts';
import type { Seal } from './seal.ts';

/** What the suite needs of one kind of seal. Each call of `open` is a new object over the same KEK. */
export interface SealUnderTest {
  open(): Seal;
  /** The same kind over another KEK. */
  openOther(): Seal;
  /** Text that must never be told: key, passphrase, token. */
  readonly secrets: readonly string[];
  /** Takes the KEK away and brings it back, where it is in another house. */
  readonly away?: { begin(): void | Promise<void>; end(): void | Promise<void> };
}

const CONTEXT = 'rekey keyring of store abc';

/** What every seal keeps, whatever holds its KEK. */
export function sealConformance(name: string, make: () => SealUnderTest | Promise<SealUnderTest>): void {
  describe(`the seal ${name}`, () => {
    /** Fails as it must, in one sentence with nothing secret in it. */
    const refuses = async (work: Promise<unknown>, kind: SealUnderTest, ...reasons: readonly string[]) => {
      await assert.rejects(work, (error: unknown) => {
        assert.ok(error instanceof RekeyError, String(error));
        assert.ok(reasons.includes(error.reason), `${error.reason}: ${error.message}`);
        assert.match(error.message, /^[A-Z].*\.$/s);
        for (const secret of kind.secrets) assert.ok(!error.message.includes(secret));
        return true;
      });
    };

    it('has a name in kebab-case and says where the KEK is, never the KEK', async () => {
      const kind = await make();
      const seal = kind.open();
      assert.match(seal.name, /^[a-z]+(-[a-z]+)*$/);
      assert.match(seal.describe(), /^the /);
      for (const secret of kind.secrets) assert.ok(!seal.describe().includes(secret));
    });

    it('gives back what it wrapped, up to 4,000 bytes, also after a restart', async () => {
      const kind = await make();
      const seal = kind.open();
      await seal.prepare();
      await seal.prepare();
      for (const length of [1, 81, 4_000]) {
        const plain = randomBytes(length);
        const wrapped = await seal.wrap(Uint8Array.from(plain), CONTEXT);
        assert.ok(!Buffer.from(wrapped).includes(plain.subarray(0, 16)) || length < 16);
        assert.deepEqual(Buffer.from(await seal.unwrap(wrapped, CONTEXT)), plain);
        assert.deepEqual(Buffer.from(await kind.open().unwrap(wrapped, CONTEXT)), plain);
      }
    });

    it('wraps the same differently each time', async () => {
      const seal = (await make()).open();
      await seal.prepare();
      const plain = randomBytes(81);
      assert.notDeepEqual(await seal.wrap(plain, CONTEXT), await seal.wrap(plain, CONTEXT));
    });

    it('opens a wrap for what it belongs to only', async () => {
      const kind = await make();
      const seal = kind.open();
      await seal.prepare();
      const wrapped = await seal.wrap(randomBytes(81), CONTEXT);
      await refuses(seal.unwrap(wrapped, 'rekey keyring of store abd'), kind, 'keyring-altered');
    });

    it('refuses what was altered anywhere, cut or lengthened', async () => {
      const kind = await make();
      const seal = kind.open();
      await seal.prepare();
      const wrapped = await seal.wrap(randomBytes(81), CONTEXT);
      for (let byte = 0; byte < wrapped.length; byte += 29) {
        const altered = Uint8Array.from(wrapped);
        altered[byte]! ^= 1;
        await refuses(seal.unwrap(altered, CONTEXT), kind, 'keyring-altered', 'wrong-key');
      }
      await refuses(seal.unwrap(wrapped.subarray(0, 20), CONTEXT), kind, 'keyring-altered', 'wrong-key');
      await refuses(seal.unwrap(new Uint8Array(0), CONTEXT), kind, 'keyring-altered', 'wrong-key');
    });

    it('says of another KEK that it is the wrong one', async () => {
      const kind = await make();
      const [seal, other] = [kind.open(), kind.openOther()];
      await seal.prepare();
      await other.prepare();
      const wrapped = await seal.wrap(randomBytes(81), CONTEXT);
      await refuses(other.unwrap(wrapped, CONTEXT), kind, 'wrong-key');
    });

    it('keeps a keyring', async () => {
      const kind = await make();
      const seal = kind.open();
      await seal.prepare();
      const keyring = Keyring.create('abc', 1).renewed(2);
      const again = await Keyring.unwrap(await keyring.wrap(seal), kind.open());
      assert.equal(again.opaque('name', 'a'), keyring.opaque('name', 'a'));
    });

    it('says that its KEK is away, as something that may pass, and works again afterwards', async (context) => {
      const kind = await make();
      if (kind.away === undefined) return context.skip('its KEK is in this house');
      const seal = kind.open();
      await seal.prepare();
      const wrapped = await seal.wrap(randomBytes(81), CONTEXT);
      await kind.away.begin();
      await refuses(seal.unwrap(wrapped, CONTEXT), kind, 'seal-unavailable');
      await refuses(seal.wrap(randomBytes(81), CONTEXT), kind, 'seal-unavailable');
      await kind.away.end();
      await seal.unwrap(wrapped, CONTEXT);
    });
  });
}

import assert from 'node:assert/strict';
import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { RekeyError } from '@rekey/core';
import fc from 'fast-check';
import { ENVELOPE_OVERHEAD, type EnvelopeKey, envelopeKeyId, openEnvelope, sealEnvelope } from './envelope.ts';

const newKey = (id: number): EnvelopeKey => ({ id, key: createSecretKey(randomBytes(32)) });
const key = newKey(7);

/** The failure says the same whatever was wrong. */
const messages = new Set<string>();
const unopenable = (error: unknown) => {
  assert.ok(error instanceof RekeyError);
  assert.equal(error.code, 'decryption-failed');
  assert.equal(error.cause, undefined);
  messages.add(error.message);
  assert.equal(messages.size, 1);
  return true;
};

describe('an envelope', () => {
  it('gives back any bytes to who has the key and says what they belong to', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.string({ unit: 'binary' }), (plain, additional) => {
        const envelope = sealEnvelope(key, additional, plain);
        assert.equal(envelope.length, plain.length + ENVELOPE_OVERHEAD);
        assert.equal(envelopeKeyId(envelope), 7);
        assert.deepEqual(Uint8Array.from(openEnvelope(key, additional, envelope)), plain);
      }),
    );
  });

  it('is different each time, so that equal contents do not show', () => {
    const plain = Buffer.from('same');
    assert.notDeepEqual(sealEnvelope(key, 'a', plain), sealEnvelope(key, 'a', plain));
  });

  it('does not open when any one bit of it is flipped', () => {
    const envelope = sealEnvelope(key, 'a', Buffer.from('value'));
    for (let bit = 0; bit < envelope.length * 8; bit += 1) {
      const altered = Uint8Array.from(envelope);
      altered[bit >> 3]! ^= 1 << (bit & 7);
      assert.throws(() => openEnvelope(key, 'a', altered), unopenable);
    }
  });

  it('does not open when it is cut anywhere, or lengthened', () => {
    const envelope = sealEnvelope(key, 'a', Buffer.from('value'));
    for (let length = 0; length < envelope.length; length += 1) {
      assert.throws(() => openEnvelope(key, 'a', envelope.subarray(0, length)), unopenable);
      assert.throws(() => openEnvelope(key, 'a', envelope.subarray(length + 1)), unopenable);
    }
    assert.throws(() => openEnvelope(key, 'a', Buffer.concat([envelope, Buffer.alloc(1)])), unopenable);
  });

  it('does not open for another purpose, nor with another key of the same id', () => {
    const envelope = sealEnvelope(key, 'a', Buffer.from('value'));
    assert.throws(() => openEnvelope(key, 'b', envelope), unopenable);
    assert.throws(() => openEnvelope(newKey(7), 'a', envelope), unopenable);
    assert.throws(() => openEnvelope({ id: 8, key: key.key }, 'a', envelope), unopenable);
  });

  it('has the form that is written down (checked against WebCrypto)', () => {
    const random = { bytes: (length: number) => new Uint8Array(length).fill(3), below: () => 0 };
    const known = { id: 0x01020304, key: createSecretKey(Buffer.alloc(32, 1)) };
    const envelope = sealEnvelope(known, 'store\0value\0s1/v1', Buffer.from('tvalue'), random);
    assert.equal(
      Buffer.from(envelope).toString('hex'),
      '01010203040303030303030303030303038c1775f68ae16eb700cdd3b8e71da397cf536af1dd87',
    );
  });
});

/**
 * The room `seal`: what keeps the store's content unreadable to whoever holds its files.
 *
 * ```
 *   KEK      outside the store, reached through a Seal (key file, passphrase, AWS KMS, Vault transit)
 *    └─ keyring     wrapped by the KEK, kept in the store: the DEKs (one of them active) and the index key
 *        └─ DEK     one subkey per purpose: HKDF-SHA-256(DEK, info "rekey <purpose>")
 *            └─ envelope    one sealed record
 *
 *   envelope, also the form of what key file and passphrase wrap
 *   ┌────────┬──────────┬─────────┬──────────────┬──────────┐
 *   │ format │ key id   │ IV      │ ciphertext   │ tag      │   AES-256-GCM (NIST SP 800-38D)
 *   │ 1 byte │ 4 bytes  │ 12      │ as the plain │ 16       │   numbers big-endian
 *   └────────┴──────────┴─────────┴──────────────┴──────────┘
 *   additional data: format and key id as above, then  <store id> NUL <purpose> NUL <additional>
 *
 *   keyring, before it is wrapped
 *   ┌────────┬───────────┬───────────┬── for each DEK ─────────────────────┐
 *   │ format │ active id │ index key │ id      │ made at (ms)  │ key       │
 *   │ 1 byte │ 4 bytes   │ 32        │ 4 bytes │ 8 (double)    │ 32        │
 *   └────────┴───────────┴───────────┴─────────────────────────────────────┘
 * ```
 *
 * The IV is random. One subkey may seal 2³² envelopes before a repeated IV becomes likelier than 2⁻³² (SP 800-38D
 * §8.3); a subkey per purpose keeps busy records (holders) from using up the margin of the values.
 */

/** Wraps and unwraps what opens the store, with a key-encryption key (KEK) held elsewhere. */
export interface Seal {
  /** Kebab-case kind (`local-key`), kept beside what it wrapped so that a wrong kind is named. */
  readonly name: string;
  /** Where the KEK is, for a person ("the key file /…"). Never the key. */
  describe(): string;
  /** Makes the KEK if this kind can and it is not there yet. Asked only when a new store is created. */
  prepare(): Promise<void>;
  /** Encrypts at most 4,096 bytes (the limit of AWS KMS Encrypt), bound to the context. */
  wrap(plain: Uint8Array, context: string): Promise<Uint8Array>;
  /** @throws RekeyError `decryption-failed` (reason `wrong-key`) for another KEK, `integrity` for altered bytes. */
  unwrap(wrapped: Uint8Array, context: string): Promise<Uint8Array>;
}

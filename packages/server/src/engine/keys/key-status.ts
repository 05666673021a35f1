import { type KeyringRecord, wrapId } from '../../seal/keyring.ts';
import type { KeyServer } from './key-servers.ts';
import { type KeyFacts, nextKeyStep } from './key-step.ts';
import { behindOf } from './rewrap.ts';

/** How far a rotation of keys is; kept in the store. */
export interface KeyRotationNote {
  /** ARN of who asked. */
  readonly askedBy: string;
  readonly startedAt: number;
  readonly finishedAt: number | null;
  /** The DEK that is to be the only one. */
  readonly to: number;
  /** Records looked at in this walk, and how many there are at least. */
  readonly looked: number;
  readonly total: number;
  readonly sealedUnder: number | null;
}

/** Everything about keys, for a person. Times in milliseconds since the epoch; never a key. */
export interface KeyStatus {
  /** Where the KEK of the server that was asked is. */
  readonly seal: string;
  /** Kinds of all seals that open the keyring. */
  readonly seals: readonly string[];
  readonly activeKey: { readonly id: number; readonly madeAt: number };
  /** DEKs in the keyring. */
  readonly keys: number;
  /** One sentence; null while no rotation of keys is under way. */
  readonly rotation: string | null;
  /** One sentence; null while no hand-over to another seal is under way. */
  readonly rewrap: string | null;
  readonly lastRotation: KeyRotationNote | null;
  readonly servers: readonly (Omit<KeyServer, 'openedBy'> & { readonly openedByNewSeal: boolean | null })[];
}

export interface KeyFindings extends KeyFacts {
  readonly record: KeyringRecord;
  readonly seal: string;
  readonly note: KeyRotationNote | null;
}

export function describeKeys(findings: KeyFindings): KeyStatus {
  const { record, seal, note, dataKeys, activeId, servers } = findings;
  const next = record.also?.at(-1);
  const active = dataKeys.find(({ id }) => id === activeId);
  return {
    seal,
    seals: [record, ...(record.also ?? [])].map((wrap) => wrap.seal),
    activeKey: { id: activeId, madeAt: active?.madeAt ?? 0 },
    keys: dataKeys.length,
    rotation: describeRotation(findings),
    rewrap: describeRewrap(record, servers),
    lastRotation: note,
    servers: servers.map(({ openedBy, ...server }) => ({
      ...server,
      openedByNewSeal: next === undefined ? null : openedBy === wrapId(next),
    })),
  };
}

function describeRotation(findings: KeyFindings): string | null {
  const step = nextKeyStep(findings);
  const { note } = findings;
  switch (step.kind) {
    case 'none':
      return null;
    case 'wait':
      return `waits for ${step.for}`;
    case 'activate':
      return 'the new key is about to be used';
    case 'drop':
      return 'everything is sealed with the new key; the old one is about to go';
    case 'seal':
      return note === null || note.total === 0
        ? 'records are being sealed with the new key'
        : `records are being sealed with the new key: ${note.looked} of ${note.total} looked at`;
  }
}

function describeRewrap(record: KeyringRecord, servers: readonly KeyServer[]): string | null {
  const next = record.also?.at(-1);
  if (next === undefined) return null;
  const behind = behindOf(record, servers).map(({ id }) => id);
  const waiting =
    servers.length === 0
      ? 'a server to start with the new one'
      : behind.length === 0
        ? 'the old wrap to be removed'
        : `${behind.length === 1 ? 'server' : 'servers'} ${behind.join(', ')} to be started with the new one`;
  return `either ${record.seal} or ${next.seal} opens the store; waits for ${waiting}`;
}

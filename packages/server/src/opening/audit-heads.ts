import type { Checkpoint } from '../audit/checkpoint.ts';
import type { Store } from '../store/store.ts';

/**
 * Heads of audit chains as the store keeps them: each server's own, and in it the heads of the others as that server saw
 * them when it wrote it. So nobody can take a server's head out of the store without the others' telling of it.
 */
interface KeptHead extends Checkpoint {
  readonly others?: Readonly<Record<string, Checkpoint>>;
}

/** Before the id of a server, in the id of its head. */
const PREFIX = 'audit-head/';
/** Servers whose heads are kept in each other's. */
const MOST_SERVERS = 100;

/** What the store, and the servers through it, say of one server's chain. */
export interface KnownChain {
  readonly serverId: string;
  /** The furthest head that is known. */
  readonly checkpoint: Checkpoint;
  /** Only other servers tell of it: its own head was taken out of the store. */
  readonly removed: boolean;
}

/** The heads of the other servers, to be kept with one's own. */
export async function otherHeads(store: Store, own: string): Promise<Readonly<Record<string, Checkpoint>>> {
  const heads = await keptHeads(store);
  return Object.fromEntries(
    [...heads].filter(([serverId]) => PREFIX + serverId !== own).map(([serverId, head]) => [serverId, bare(head)]),
  );
}

/** Every chain that the store, or a server in it, knows of. */
export async function knownChains(store: Store): Promise<readonly KnownChain[]> {
  return chainsIn(await keptHeads(store));
}

/** Pure. */
export function chainsIn(heads: ReadonlyMap<string, KeptHead>): readonly KnownChain[] {
  const furthest = new Map<string, Checkpoint>();
  for (const [serverId, head] of heads)
    for (const [told, checkpoint] of [[serverId, head] as const, ...Object.entries(head.others ?? {})])
      if (checkpoint.sequence > (furthest.get(told)?.sequence ?? -1)) furthest.set(told, bare(checkpoint));
  return [...furthest].map(([serverId, checkpoint]) => ({ serverId, checkpoint, removed: !heads.has(serverId) }));
}

async function keptHeads(store: Store): Promise<ReadonlyMap<string, KeptHead>> {
  const listed = await store.list('setting', { index: null, from: PREFIX, until: `${PREFIX}~`, limit: MOST_SERVERS });
  return new Map(listed.map(({ id, record }) => [id.slice(PREFIX.length), record as unknown as KeptHead]));
}

function bare({ sequence, hash, time, key, signature }: Checkpoint): Checkpoint {
  return { sequence, hash, time, key, signature };
}

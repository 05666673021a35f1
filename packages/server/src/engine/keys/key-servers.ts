import type { Store } from '../../store/store.ts';

/** What a server says of itself: which keyring it has, and how it opened it. */
export interface KeyServer {
  /** Id of the server; see `opening/server-id.ts`. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly seenAt: number;
  /** Revision of the keyring that it has in hand. */
  readonly keyringRevision: number;
  /** The wrap by which it opened the keyring; see {@link ../../seal/keyring.ts wrapId}. */
  readonly openedBy: string;
  /** The DEK under which all of its escrow journal is sealed. */
  readonly journalKey: number;
  /** Where its KEK is, for a person. */
  readonly seal: string;
}

const PREFIX = 'key-server/';
/** The character after `/`: ids of servers lie between the two. */
const END = 'key-server0';
/** More servers than anybody runs on one store. */
const MOST = 1_000;

/** All that have said something, also those that are gone for good. */
export async function listKeyServers(store: Store): Promise<readonly KeyServer[]> {
  const listed = await store.list('setting', { index: null, from: PREFIX, until: END, limit: MOST });
  return listed.map(({ record }) => record as unknown as KeyServer);
}

export async function noteKeyServer(store: Store, server: KeyServer): Promise<void> {
  await store.commit([{ collection: 'setting', id: PREFIX + server.id, record: { ...server } }]);
}

/** For a server that will not come back. Of an unknown one: false. */
export async function forgetKeyServer(store: Store, id: string): Promise<boolean> {
  const known = (await store.get('setting', PREFIX + id)) !== null;
  if (known) await store.commit([{ collection: 'setting', id: PREFIX + id, record: null }]);
  return known;
}

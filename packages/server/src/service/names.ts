import type { Caller, RandomSource, SecretRecord } from '@rekey/core';
import { arnSuffix, findSecretById, secretNameIn } from '../engine/secret-lookup.ts';
import { type Soon, soon } from '../store/soon.ts';
import type { Entry, Store } from '../store/store.ts';
import { regionIn, replicaView } from './replica-view.ts';

const SUFFIX_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const SUFFIX_LENGTH = 6;

export interface ArnPlace {
  readonly region: string;
  readonly account: string;
}

/** A secret as a request sees it. */
export interface FoundSecret extends Entry<SecretRecord> {
  /** Seen in another region than its own: there it can be read, not changed. The record is the view from there. */
  readonly isReplica?: true;
}

/** Region a request is about; its signature names it. */
export function regionOf(caller: Caller, { region }: Pick<ArnPlace, 'region'>): string {
  return caller.region ?? region;
}

/**
 * What the index of names knows a name of a region under: in the server's own region the name itself, elsewhere with
 * the region before it (no name has a colon). Only one of both carries over to a server whose region is changed.
 */
export function lookupNameIn(region: string, name: string, home: string): string {
  return region === home ? name : `${region}:${name}`;
}

/**
 * The secret somebody means by its name, its full ARN, or its ARN without the suffix. A name that itself ends in a
 * hyphen and six characters makes the last form ambiguous: then the full ARN wins. A name is looked for in the region
 * of the request, an ARN in its own.
 *
 * @param home the server's own region
 */
export function resolveSecret(store: Store, secretId: string, region: string, home: string): Soon<FoundSecret | null> {
  if (secretId.startsWith('arn:')) return resolveArn(store, secretId, home);
  const lookupName = lookupNameIn(region, secretId, home);
  return soon(store.findSecret(lookupName), (found) =>
    found === null || isKnownAs(found.record, lookupName) ? found : seenIn(region, found),
  );
}

async function resolveArn(store: Store, arn: string, home: string): Promise<FoundSecret | null> {
  return (await findSecretById(store, arn)) ?? findReplica(store, arn, home);
}

async function findReplica(store: Store, arn: string, home: string): Promise<FoundSecret | null> {
  const name = secretNameIn(arn);
  const region = regionIn(arn);
  if (name === null) return null;
  for (const candidate of new Set([name.replace(arnSuffix, ''), name])) {
    const found = await store.findSecret(lookupNameIn(region, candidate, home));
    if (found === null) continue;
    const view = seenIn(region, found);
    if (view?.record.arn === arn || view?.record.arn.replace(arnSuffix, '') === arn) return view;
  }
  return null;
}

function isKnownAs({ name, lookupName }: SecretRecord, sought: string): boolean {
  return (lookupName ?? name) === sought;
}

function seenIn(region: string, found: Entry<SecretRecord>): FoundSecret | null {
  const record = replicaView(found.record, region);
  return record === null ? null : { ...found, record, isReplica: true };
}

/** ARN for a new secret. The suffix is random, so that what was granted on a deleted secret is not granted on its successor. */
export function makeSecretArn(name: string, place: ArnPlace, random: RandomSource): string {
  let suffix = '';
  while (suffix.length < SUFFIX_LENGTH) suffix += SUFFIX_ALPHABET[random.below(SUFFIX_ALPHABET.length)];
  return `${secretArnPrefix(place)}${name}-${suffix}`;
}

/** What permissions are decided on while the secret is not known to exist: its ARN as far as it can be told. */
export function arnOfUnknown(secretId: string, place: ArnPlace): string {
  return secretId.startsWith('arn:') ? secretId : `${secretArnPrefix(place)}${secretId}`;
}

function secretArnPrefix({ region, account }: ArnPlace): string {
  return `arn:aws:secretsmanager:${region}:${account}:secret:`;
}

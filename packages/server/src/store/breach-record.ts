import type { SessionsEnded } from '@rekey/core';

/** Who told of a breach: a person who named the secret or gave the value, or a signed webhook. */
export type BreachSource = 'name' | 'value' | 'github-partner' | 'github-alert' | 'webhook';

/** What is done about a leaked value. */
export interface BreachSettings {
  /** How long the leaked value stays valid after the new one is current; milliseconds, may be 0. */
  readonly overlap: number;
  /** Whether sessions opened with the leaked value are ended. */
  readonly endSessions: boolean;
}

/** Where a value is fetched from that GitHub only tells of. */
export interface GithubAlertPlace {
  /** Base of GitHub's API; one of those configured. */
  readonly api: string;
  /** `owner/repo`. */
  readonly repository: string;
  readonly number: number;
}

/** Somebody who was seen with a leaked value. */
export interface BreachHolder {
  readonly principal: string;
  readonly accessKeyId: string | null;
  readonly address: string;
  readonly userAgent: string | null;
  readonly versionId: string;
  readonly firstSeenAt: number;
  readonly lastSeenAt: number;
}

/**
 * How it stands with one secret that held the value. `at-work`: rekey goes on by itself; `needs-person`: it looks again
 * from time to time, and says what somebody has to do.
 */
export type BreachCaseState = 'at-work' | 'needs-person' | 'finished';

/**
 * `rotated`: a new value took its place and the leaked one is dead. `retired`: it was on its way out and was cut short.
 * `already-dead`: nothing was rotated. `replaced`: it is not current any more, and rekey cannot try whether it is dead.
 * `removed`: the secret is gone.
 */
export type BreachOutcome = 'rotated' | 'retired' | 'already-dead' | 'replaced' | 'removed';

export interface BreachCase {
  readonly secretId: string;
  readonly secretName: string;
  /** Versions that hold the leaked text, oldest first. */
  readonly versionIds: readonly string[];
  /** Part of the value that leaked: `value` for the whole, else the member. */
  readonly part: string;
  readonly state: BreachCaseState;
  readonly outcome: BreachOutcome | null;
  /** What is being done or is to be done, in one sentence. */
  readonly sentence: string;
  /** Rotations that were begun or hurried because of it, in this order. */
  readonly rotationIds: readonly string[];
  readonly promotedAt: number | null;
  /** When the target was seen to refuse the leaked value. */
  readonly refusedAt: number | null;
  readonly sessionsEnded: SessionsEnded | null;
  /** Who still held a value whose overlap was cut short, named for people. */
  readonly cutOff: readonly string[];
  /** Who was seen with the leaked value and when; null until the case is finished. */
  readonly holders: readonly BreachHolder[] | null;
  /** Secrets whose admin credential it is; null until it was looked. */
  readonly adminOf: readonly string[] | null;
  /** Logins with the leaked value that told nothing, since the last that did. */
  readonly vainLooks: number;
  /** When the target was seen to accept the leaked value although it was not current. */
  readonly acceptedAt: number | null;
  readonly nextLookAt: number | null;
  readonly finishedAt: number | null;
}

/** A breach as it is worked on, and kept as its own report. Never holds the leaked value. */
export interface BreachRecord {
  readonly id: string;
  readonly source: BreachSource;
  /** ARN of the principal, or the webhook's name. */
  readonly askedBy: string;
  /** Where it was found, as the reporter says; null if it does not. */
  readonly note: string | null;
  readonly createdAt: number;
  readonly settings: BreachSettings;
  /** Keyed hashes of what leaked; null where a secret was named, or the value is still to be fetched. */
  readonly fingerprints: readonly string[] | null;
  /** The alert whose value is still to be fetched; null if there is none. */
  readonly fetch: GithubAlertPlace | null;
  /** `looking`: which secrets hold it is not known yet. */
  readonly state: 'looking' | 'at-work' | 'done';
  /** Why looking takes long, or came to nothing; null while all is well. */
  readonly trouble: string | null;
  readonly attempts: number;
  readonly cases: readonly BreachCase[];
  readonly nextLookAt: number | null;
  readonly finishedAt: number | null;
}

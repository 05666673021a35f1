import { CURRENT } from '@rekey/core';
import type { Store } from '../../store/store.ts';
import { findLabelled } from '../versions.ts';

const PAGE = 200;
/** Secrets named of those that one admin credential serves. */
const MOST_NAMED = 50;

/** Finds the secrets that name a secret as their admin credential, by looking through the current values. */
export class AdminUses {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Names of the secrets served, by id of the secret that serves them. */
  async of(secretIds: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    const names = await this.#namesOf(secretIds);
    const uses = new Map<string, string[]>();
    let after: { readonly value: string; readonly id: string } | undefined;
    for (;;) {
      const page = await this.#store.list('secret', { index: null, limit: PAGE, ...(after && { after }) });
      for (const { id, record } of page) {
        const admin = names.get((await this.#adminNamedBy(id, findLabelled(record, CURRENT)?.id ?? null)) ?? '');
        const found = admin === undefined ? undefined : (uses.get(admin) ?? []);
        if (admin !== undefined && found !== undefined && found.length < MOST_NAMED)
          uses.set(admin, [...found, record.name]);
      }
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) return uses;
      after = { value: last.id, id: last.id };
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** A secret is named by name or ARN. */
  async #namesOf(secretIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const read = await Promise.all(secretIds.map((id) => this.#store.get('secret', id)));
    return new Map(
      read.flatMap((entry): [string, string][] =>
        entry === null
          ? []
          : [
              [entry.record.name, entry.id],
              [entry.record.arn, entry.id],
            ],
      ),
    );
  }

  async #adminNamedBy(secretId: string, versionId: string | null): Promise<string | null> {
    const value = versionId === null ? null : await this.#store.getValue(secretId, versionId);
    if (value?.kind !== 'text' || !value.text.includes('"masterarn"')) return null;
    try {
      const named: unknown = (JSON.parse(value.text) as { readonly masterarn?: unknown } | null)?.masterarn;
      return typeof named === 'string' ? named : null;
    } catch {
      return null;
    }
  }
}

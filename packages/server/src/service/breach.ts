import { type Caller, CURRENT, RekeyError } from '@rekey/core';
import type { BreachReport } from '../engine/breach/breaches.ts';
import { findLabelled } from '../engine/versions.ts';
import type { BreachCase, BreachRecord, BreachSettings } from '../store/breach-record.ts';
import type { ServiceParts } from './parts.ts';
import { leakedNotFound } from './refusals.ts';
import type { UseCases } from './use-case.ts';

/** What leaked is easily typed as the name: what no secret is called is neither audited nor repeated. */
const UNNAMED = { resource: 'an unknown name', notFound: leakedNotFound };

/** How somebody wants a breach dealt with; what is left out is as configured. */
export interface BreachWish {
  readonly settings: Partial<BreachSettings>;
  /** Where it was found, for the report. */
  readonly note: string | null;
}

/** A breach as it is shown. */
export type BreachView = Pick<
  BreachRecord,
  'id' | 'source' | 'askedBy' | 'note' | 'createdAt' | 'settings' | 'state' | 'trouble' | 'finishedAt'
> & { readonly cases: readonly Omit<BreachCase, 'vainLooks' | 'acceptedAt' | 'nextLookAt'>[] };

/** Use cases about leaked values: reported, and looked at. What is done about them is the engine's. */
export class BreachCases {
  readonly #parts: ServiceParts;
  readonly #cases: UseCases;

  constructor(parts: ServiceParts, cases: UseCases) {
    this.#parts = parts;
    this.#cases = cases;
  }

  /** The value in use of a secret leaked, and with it what still is in its overlap. */
  reportSecret(caller: Caller, secretId: string, { settings, note }: BreachWish): Promise<BreachView> {
    const action = 'rekey:ReportBreach';
    return this.#cases.onSecret({ caller, action, secretId, unnamed: UNNAMED }, async ({ id, record }, trail) => {
      const current = findLabelled(record, CURRENT)?.id ?? null;
      if (current === null)
        throw new RekeyError('invalid-state', `${record.name} has no value that could have leaked.`, {
          reason: 'no-current-value',
        });
      const active = await this.#parts.rotations.active(id);
      const retiring = active?.promotedAt == null ? null : active.previousVersionId;
      const versionIds = retiring === null ? [current] : [retiring, current];
      trail.versionId = current;
      const secret = { id, name: record.name, versionIds };
      return this.#report({ source: 'name', askedBy: caller.principal.arn, note, settings, secret });
    });
  }

  /** A value leaked, whosever it is: nobody needs to know. Only its keyed hashes are kept. */
  reportValue(caller: Caller, leaked: string, { settings, note }: BreachWish): Promise<BreachView> {
    return this.#cases.onName({ caller, action: 'rekey:ReportBreachOfValue', name: '*' }, () => {
      const fingerprints = this.#parts.breach.fingerprints.fingerprintsOf(leaked);
      return this.#report({ source: 'value', askedBy: caller.principal.arn, note, settings, fingerprints });
    });
  }

  /** Who may report of a secret may see what came of it; all else takes a permission for all. */
  async get(caller: Caller, id: string): Promise<BreachView> {
    const found = await this.#parts.breach.breaches.find(id);
    const [only] = found?.source === 'name' ? found.cases : [];
    const name = only?.secretName ?? '*';
    return this.#cases.onName({ caller, action: 'rekey:GetBreach', name }, () => {
      if (found !== null) return viewOf(found);
      throw new RekeyError('not-found', 'There is no breach of this id: rekey breach list shows them.', {
        reason: 'breach-not-found',
      });
    });
  }

  /** Newest first. */
  list(caller: Caller): Promise<readonly BreachView[]> {
    return this.#cases.onName({ caller, action: 'rekey:ListBreaches', name: '*' }, async () =>
      (await this.#parts.breach.breaches.list()).map(viewOf),
    );
  }

  async #report(report: BreachReport): Promise<BreachView> {
    const [reported] = await this.#parts.breach.breaches.report([report]);
    if (reported === undefined) throw new RekeyError('bug', 'A breach that was reported was not kept.');
    return viewOf(reported);
  }
}

function viewOf(record: BreachRecord): BreachView {
  const { fingerprints: _, fetch: _fetch, attempts: _attempts, nextLookAt: _next, ...shown } = record;
  const cases = shown.cases.map(({ vainLooks: _vain, acceptedAt: _at, nextLookAt: _look, ...one }) => one);
  return { ...shown, cases };
}

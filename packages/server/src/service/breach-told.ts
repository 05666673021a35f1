import type { Caller } from '@rekey/core';
import type { BreachReport } from '../engine/breach/breaches.ts';
import type { BreachSource, GithubAlertPlace } from '../store/breach-record.ts';
import type { ServiceParts } from './parts.ts';
import type { UseCases } from './use-case.ts';

/** What a webhook tells of: a value, or where one is to be fetched. */
export type BreachTold = { readonly note: string | null } & (
  | { readonly value: string }
  | { readonly fetch: GithubAlertPlace }
);

/** The use case of whoever is configured to tell of leaked values by webhook. */
export class BreachTellings {
  readonly #parts: Pick<ServiceParts, 'breach'>;
  readonly #cases: UseCases;

  constructor(parts: Pick<ServiceParts, 'breach'>, cases: UseCases) {
    this.#parts = parts;
    this.#cases = cases;
  }

  /**
   * What a signed webhook tells, durable before it is answered. The signature is the permission: no policy is asked. The
   * same is done whatever is known of the values, which are kept as keyed hashes only.
   */
  tell(
    caller: Caller,
    { name, source }: { readonly name: string; readonly source: BreachSource },
    told: readonly BreachTold[],
  ): Promise<void> {
    const action = 'rekey:ReportBreachByWebhook';
    return this.#cases.decided({ caller, action, resource: '*' }, async (trail) => {
      trail.detail = `signed by the webhook ${name}: ${told.length} told of`;
      const reports = told.map((one) => this.#report({ source, askedBy: `webhook ${name}` }, one));
      await this.#parts.breach.breaches.report(reports);
    });
  }

  #report(from: Pick<BreachReport, 'source' | 'askedBy'>, told: BreachTold): BreachReport {
    const { note } = told;
    if ('fetch' in told) return { ...from, note, fetch: told.fetch, sameAs: `alert/${JSON.stringify(told.fetch)}` };
    const fingerprints = this.#parts.breach.fingerprints.fingerprintsOf(told.value);
    return { ...from, note, fingerprints, sameAs: `value/${fingerprints.join('/')}` };
  }
}

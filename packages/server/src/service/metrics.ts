import type { Caller, Principal } from '@rekey/core';
import { RekeyError } from '@rekey/core';
import type { UseCases } from './use-case.ts';

/** A number that the server tells of itself, in the terms of Prometheus. Labels hold fixed words only, never a name. */
export interface Metric {
  /** `rekey_…`, in base units; a counter's ends with `_total`. */
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** One sentence. */
  readonly help: string;
  readonly samples: readonly MetricSample[];
}

export interface MetricSample {
  /** Of a histogram: `_bucket`, `_sum`, `_count`. */
  readonly suffix?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricParts {
  /** Whoever reaches the server may read them. */
  readonly open: boolean;
  /** Answers within seconds, also while the store cannot be reached; what only the store knows is left out then. */
  read(): Promise<readonly Metric[]>;
}

/** Who comes with the token of `metrics.tokenFile`: may read metrics and nothing else, and needs no store to be known. */
export const SCRAPER: Principal = {
  ...{ kind: 'engine', arn: 'rekey-metrics', accountId: '', id: 'metrics', name: null },
  ...{ role: null, tags: [], session: null },
};

const ACTION = 'rekey:ReadMetrics';

/** The use cases behind `GET /metrics`. */
export class MetricCases {
  readonly #parts: MetricParts;
  readonly #cases: UseCases;

  constructor(parts: MetricParts, cases: UseCases) {
    this.#parts = parts;
    this.#cases = cases;
  }

  get isOpen(): boolean {
    return this.#parts.open;
  }

  /** The token of the scraper is the permission; everybody else is asked for it. */
  read(caller: Caller): Promise<readonly Metric[]> {
    if (caller.principal !== SCRAPER)
      return this.#cases.onName({ caller, action: ACTION, name: '*' }, () => this.#parts.read());
    return this.#cases.decided({ caller, action: ACTION, resource: '*' }, (trail) => {
      trail.detail = 'by the token of metrics.tokenFile';
      return this.#parts.read();
    });
  }

  /**
   * For somebody of whom nothing is known. As `/healthz`, and for the same reasons, it is counted instead of audited: it
   * is asked all the time, by nobody in particular, and the operator has said that it tells nothing to be guarded.
   *
   * @throws RekeyError `unauthenticated` unless metrics are open
   */
  async readOpen(): Promise<readonly Metric[]> {
    if (this.#parts.open) return this.#parts.read();
    throw new RekeyError('unauthenticated', 'Metrics are not open here; send a token.', {
      reason: 'missing-authentication',
    });
  }
}

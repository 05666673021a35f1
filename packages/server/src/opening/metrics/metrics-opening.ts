import type { Clock } from '@rekey/core';
import { hashToken, type TokenHolder } from '../../auth/token.ts';
import type { MetricsConfig } from '../../config/config.ts';
import { type MetricParts, SCRAPER } from '../../service/metrics.ts';
import type { Store } from '../../store/store.ts';
import { readSecret } from '../alert-senders.ts';
import type { MetricSources } from './server-metrics.ts';
import type { StandingLook } from './standing-look.ts';

/** The metrics of a server; what makes them is loaded when they are first asked for. */
export function openMetrics(
  { open }: Pick<MetricsConfig, 'open'>,
  sources: MetricSources & { readonly store: Store; readonly clock: Clock },
): MetricParts {
  let look: StandingLook | null = null;
  return {
    open,
    async read() {
      const [{ StandingLook }, { serverMetrics }] = await Promise.all([
        import('./standing-look.ts'),
        import('./server-metrics.ts'),
      ]);
      look ??= new StandingLook(sources);
      return serverMetrics(sources, await look.find());
    },
  };
}

/** Who may come with the configured token. @throws RekeyError `invalid-input` for a file that cannot be read, or holds too little */
export function scrapersOf({ tokenFile }: Pick<MetricsConfig, 'tokenFile'>): readonly TokenHolder<typeof SCRAPER>[] {
  return tokenFile === null
    ? []
    : [{ tokenHash: hashToken(readSecret(tokenFile, 'token of metrics.tokenFile,')), principal: SCRAPER }];
}

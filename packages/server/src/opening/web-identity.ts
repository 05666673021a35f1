import { readFile } from 'node:fs/promises';
import { documentFetcher } from '../auth/oidc/fetch-document.ts';
import { IssuerKeys } from '../auth/oidc/issuer-keys.ts';
import { type IssuerRules, type IssuerTrust, type OidcProvider, providerName } from '../auth/oidc/provider.ts';
import { WebIdentityVerifier } from '../auth/oidc/web-identity.ts';
import type { IssuerConfig } from '../config/config.ts';
import type { AccessDirectory } from '../service/access/directory.ts';

/** Which issuers the operator lets the server talk to; by environment, because it is about the network of this machine. */
export function issuerRules(environment: Readonly<Record<string, string | undefined>>): IssuerRules {
  return {
    allowHttp: environment.REKEY_ALLOW_HTTP_ISSUERS === '1',
    allowPrivateAddresses: environment.REKEY_ALLOW_PRIVATE_ISSUERS === '1',
  };
}

/** Verifies tokens of the OIDC providers that the directory holds. */
export function webIdentityVerifier(
  directory: Pick<AccessDirectory, 'findProvider'>,
  issuers: readonly IssuerConfig[],
  rules: IssuerRules,
  now: () => number,
): WebIdentityVerifier {
  const trusts = new Map(issuers.map((issuer) => [issuer.url, trustOf(issuer)]));
  const keys = new IssuerKeys({
    fetchDocument: documentFetcher(rules),
    rules,
    readFile: (path) => readFile(path, 'utf8'),
    trustOf: (issuer) => trusts.get(issuer) ?? NO_TRUST,
    now,
  });
  return new WebIdentityVerifier({ keys, findProvider: (issuer) => findProvider(directory, issuer), now });
}

/** The very issuer: one that differs in its scheme is another. */
async function findProvider(
  directory: Pick<AccessDirectory, 'findProvider'>,
  issuer: string,
): Promise<OidcProvider | null> {
  const found = await directory.findProvider(providerName(issuer));
  return found?.issuer === issuer ? found : null;
}

const NO_TRUST: IssuerTrust = { certificateAuthorityFile: null, bearerTokenFile: null };

function trustOf({ caFile, tokenFile }: IssuerConfig): IssuerTrust {
  return { certificateAuthorityFile: caFile ?? null, bearerTokenFile: tokenFile ?? null };
}

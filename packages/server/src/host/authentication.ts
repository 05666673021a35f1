import { type Caller, type Principal, RekeyError, rootPrincipal } from '@rekey/core';
import {
  type AccessKey,
  type SignatureRules,
  SigningKeys,
  type VerifiedSignature,
  verifySignature,
} from '../auth/sigv4.ts';
import { bearerToken, type TokenHolder, verifyToken } from '../auth/token.ts';
import { type FaceRequest, headerOf } from '../faces/face.ts';
import type { RootKey } from '../opening/root-credentials.ts';
import type { AccessUses } from '../service/access/access-uses.ts';
import type { AccessDirectory } from '../service/access/directory.ts';
import type { Sessions } from '../service/sts/sessions.ts';

export interface AuthenticationOptions {
  readonly root: RootKey;
  /** Keys of users. */
  readonly directory: Pick<AccessDirectory, 'findKey'>;
  /** Keys of sessions. */
  readonly sessions: Pick<Sessions, 'find'>;
  /** Where it is noted when keys of users are used. */
  readonly uses: Pick<AccessUses, 'saw'>;
  readonly region: string;
  /** Further regions that requests to Secrets Manager may be signed for. */
  readonly replicaRegions: readonly string[];
  readonly account: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Services that AWS has in one place: SDKs sign for them with that region, whichever one they are told. */
const GLOBAL_SERVICES: ReadonlySet<string> = new Set(['iam', 'sts']);
const GLOBAL_REGION = 'us-east-1';

/** Proves who sent a request; for faces, which know neither keys nor where they come from. */
export class Authentication {
  readonly #root: RootKey;
  readonly #principal: Principal;
  readonly #findKey: SignatureRules<Principal>['findKey'];
  readonly #uses: Pick<AccessUses, 'saw'>;
  readonly #region: string;
  readonly #replicaRegions: readonly string[];
  readonly #now: () => number;
  readonly #signingKeys = new SigningKeys();

  constructor({ root, directory, sessions, uses, region, replicaRegions, account, now }: AuthenticationOptions) {
    this.#root = root;
    this.#uses = uses;
    this.#region = region;
    this.#replicaRegions = replicaRegions;
    this.#now = now;
    this.#principal = rootPrincipal(account);
    const rootKey: AccessKey<Principal> = {
      secretAccessKey: root.secretAccessKey,
      principal: this.#principal,
      active: true,
    };
    this.#findKey = (accessKeyId, sessionToken) => {
      if (sessionToken !== null) return sessions.find(accessKeyId, sessionToken);
      return accessKeyId === root.accessKeyId ? rootKey : directory.findKey(accessKeyId);
    };
  }

  /**
   * By AWS Signature Version 4, for the given service.
   *
   * @throws RekeyError `unauthenticated`
   */
  bySignature(face: string, service: string): (request: FaceRequest) => Caller | Promise<Caller> {
    const rules = {
      findKey: this.#findKey,
      now: this.#now,
      services: [service],
      region: this.#region,
      furtherRegions: this.#furtherRegions(service),
      signingKeys: this.#signingKeys,
    };
    return (request) => {
      const verified = verifySignature(request, rules);
      return verified instanceof Promise
        ? verified.then((proof) => this.#callerOf(request, face, proof))
        : this.#callerOf(request, face, verified);
    };
  }

  #furtherRegions(service: string): readonly string[] {
    if (GLOBAL_SERVICES.has(service)) return [GLOBAL_REGION];
    return service === 'secretsmanager' ? this.#replicaRegions : [];
  }

  /** Notes the use of the key, and the region where it is another than the server's own. */
  #callerOf(request: FaceRequest, face: string, proof: VerifiedSignature<Principal>): Caller {
    const caller = callerOf(request, face, proof);
    const { accessKeyId, principal, region, service } = proof;
    if (principal.kind === 'user') this.#uses.saw(accessKeyId, service);
    else if (principal.role !== null) this.#uses.saw(principal.role.id, service);
    return region === this.#region || GLOBAL_SERVICES.has(service) ? caller : { ...caller, region };
  }

  /**
   * By root's bearer token, or by a signature.
   *
   * @param further who else may come with a token
   * @throws RekeyError `unauthenticated`
   */
  byTokenOrSignature(
    face: string,
    service: string,
    further: readonly TokenHolder<Principal>[] = [],
  ): (request: FaceRequest) => Promise<Caller> {
    const bySignature = this.bySignature(face, service);
    const holders = [{ tokenHash: this.#root.tokenHash, principal: this.#principal }, ...further];
    return async (request) => {
      if (!isBearer(request)) return bySignature(request);
      const principal = verifyToken(bearerToken(request), holders);
      return callerOf(request, face, { principal, accessKeyId: null });
    };
  }
}

function isBearer(request: FaceRequest): boolean {
  return /^bearer /i.test(headerOf(request, 'authorization') ?? '');
}

function callerOf(
  request: FaceRequest,
  face: string,
  { principal, accessKeyId }: Pick<VerifiedSignature<Principal>, 'principal'> & { readonly accessKeyId: string | null },
): Caller {
  return {
    principal,
    accessKeyId,
    address: request.remoteAddress,
    secure: request.secure,
    userAgent: headerOf(request, 'user-agent'),
    face,
    requestId: request.id,
  };
}

/** Who a refused request was, for audit: nobody is proven, but the access key it named is worth recording. */
export function nobody(request: FaceRequest, action: string, error: unknown) {
  const accessKeyId = error instanceof RekeyError ? (error.facts.accessKeyId ?? null) : null;
  return { action, principal: 'anonymous', accessKeyId, address: request.remoteAddress, requestId: request.id };
}

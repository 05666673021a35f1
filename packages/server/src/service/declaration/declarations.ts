import { type Caller, RekeyError } from '@rekey/core';
import type { AuditEntry, AuditLog } from '../../audit/entry.ts';
import type { Store } from '../../store/store.ts';
import { createAccess } from '../access/access.ts';
import type { ServiceParts } from '../parts.ts';
import type { Permissions } from '../permit.ts';
import { RotationCases } from '../rotation.ts';
import { SecretChanges } from '../secret-change.ts';
import { UseCases } from '../use-case.ts';
import type { Declaration } from './declaration.ts';
import { declaredSubjects } from './declared-subjects.ts';
import { type Change, differences, fingerprint } from './difference.ts';
import { PresentSubjects } from './present-subjects.ts';
import { SingleChanges } from './single-changes.ts';

export interface DeclarationWish {
  readonly declaration: Declaration;
  /** Whether what the declared sections do not name is deleted. */
  readonly prune: boolean;
}

/** What has to change, and what somebody who was shown it calls it. */
export interface DeclarationPlan {
  readonly changes: readonly Change[];
  readonly plan: string;
}

/** Use cases about everything at once: what a declaration would change, and changing it in one commit. */
export class Declarations {
  readonly #parts: ServiceParts;
  readonly #cases: UseCases;
  readonly #permissions: Permissions;

  constructor(parts: ServiceParts, cases: UseCases, permissions: Permissions) {
    this.#parts = parts;
    this.#cases = cases;
    this.#permissions = permissions;
  }

  /** What would change. Changes nothing, and asks no permission for the single changes. */
  plan(caller: Caller, wish: DeclarationWish): Promise<DeclarationPlan> {
    return this.#on(caller, 'rekey:PlanDeclaration', () => this.#compare(this.#parts.store, wish));
  }

  /**
   * Makes it so. Every single change is permitted, validated and tried before the first is written; then all are written
   * in one commit, or none.
   *
   * @param shown the plan that was shown to whoever agreed; null if none was
   * @throws RekeyError `conflict` if something else is to be changed than was shown, or was written by others meanwhile;
   *   reason `not-permitted` if one of the single changes is not permitted
   */
  apply(caller: Caller, wish: DeclarationWish & { readonly shown: string | null }): Promise<DeclarationPlan> {
    return this.#on(caller, 'rekey:ApplyDeclaration', async () => {
      const staging = this.#parts.store.stage();
      const audit = new HeldAudit(this.#parts.audit);
      try {
        const compared = await this.#compare(staging.store, wish);
        if (wish.shown !== null && wish.shown !== compared.plan)
          throw nothingApplied('there is more or less to change than was shown');
        const single = this.#singleChanges(caller, staging.store, audit);
        for (const change of compared.changes)
          await single.make(change, wish.declaration).catch((error) => failOf(change, error));
        await staging.land().catch(explainConflict);
        audit.keep(() => true);
        return compared;
      } catch (error) {
        // What was allowed did not happen: only what was refused is on record, beside the failure of the whole.
        audit.keep(({ outcome }) => outcome !== 'allowed');
        throw error;
      } finally {
        await Promise.all([audit.release(), staging.store.close()]);
      }
    });
  }

  #on<T>(caller: Caller, action: string, perform: () => Promise<T>): Promise<T> {
    return this.#cases.onResource({ caller, action, locate: () => ({ arn: '*' }) }, perform);
  }

  async #compare(store: Store, { declaration, prune }: DeclarationWish): Promise<DeclarationPlan> {
    const there = new PresentSubjects(store, this.#parts.account);
    const declared = declaredSubjects(declaration, await there.names(declaration));
    const undeclared = prune ? await there.undeclared(declaration) : [];
    const changes = differences(declared, await there.declared(declaration), undeclared);
    return { changes, plan: fingerprint(changes) };
  }

  /** The use cases over what is staged; permission is decided by the policies that are in force. */
  #singleChanges(caller: Caller, store: Store, audit: AuditLog): SingleChanges {
    const parts: ServiceParts = { ...this.#parts, store, audit };
    const cases = new UseCases(parts, this.#permissions);
    const access = createAccess(parts, cases, parts.access);
    const rotation = new RotationCases(parts, cases, new SecretChanges(store));
    // A declaration is about the server's own region, wherever its request was signed for.
    const { region: _, ...atHome } = caller;
    return new SingleChanges({ access, rotation, store, account: parts.account }, atHome);
  }
}

/** Holds entries back until it is known whether what they say has happened. */
class HeldAudit implements AuditLog {
  readonly #log: AuditLog;
  #held: AuditEntry[] = [];

  constructor(log: AuditLog) {
    this.#log = log;
  }

  async append(entry: AuditEntry): Promise<void> {
    this.#held.push(entry);
  }

  keep(isKept: (entry: AuditEntry) => boolean): void {
    this.#held = this.#held.filter(isKept);
  }

  async release(): Promise<void> {
    for (const entry of this.#held.splice(0)) await this.#log.append(entry);
  }
}

/** Says of whom it is, which the refusals of single changes leave to who asked for one. */
function failOf({ kind, name }: Change, error: unknown): never {
  if (!(error instanceof RekeyError)) throw error;
  const { code, message, reason, facts } = error;
  throw new RekeyError(code, `Nothing was applied: ${kind} ${name}: ${message}`, { reason, facts, cause: error });
}

function explainConflict(error: unknown): never {
  if (error instanceof RekeyError && error.code === 'conflict')
    throw nothingApplied('something of it was changed by others');
  throw error;
}

function nothingApplied(why: string): RekeyError {
  return new RekeyError('conflict', `Nothing was applied: meanwhile ${why}; plan again.`, {
    reason: 'declaration-conflict',
  });
}

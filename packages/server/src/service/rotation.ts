import {
  type Caller,
  CURRENT,
  DEFAULT_RULE,
  type RotationOverride,
  type RotationRecord,
  type RotationRule,
  type RotationSettings,
  type SecretRecord,
  type SecretRotation,
} from '@rekey/core';
import { driftOf } from '../engine/drift/drift-state.ts';
import { isQuarantined } from '../engine/quarantine/quarantine-state.ts';
import type { DueReason } from '../engine/schedule/due.ts';
import { checkSchedule, planned } from '../engine/schedule/plan-next.ts';
import { findLabelled } from '../engine/versions.ts';
import type { DriftRecord } from '../store/collections.ts';
import { adminOf, mayUseAdmin } from './admin-credential.ts';
import { type Adoption, lookAtTarget, lookAtVersion } from './adoption.ts';
import { checkGate } from './gate-settings.ts';
import type { ServiceParts } from './parts.ts';
import { functionNotInvocable, markedForDeletion, noRotationFunction, rotationNotFound } from './refusals.ts';
import { heldBy, inTheWay, type PlannedRotation } from './rotation-plan.ts';
import { settingsOf } from './rotation-settings.ts';
import type { SecretChanges } from './secret-change.ts';
import type { Ask, UseCases } from './use-case.ts';

/** How a secret is to be rotated; what is left out stays as it is, or begins with its default. */
export interface RotationWish {
  /** ARN or bare name of the rotation function. */
  readonly functionArn?: string | undefined;
  readonly rule?: RotationRule | undefined;
  /** Settings that win over the secret's tags. */
  readonly explicit?: Partial<RotationSettings> | undefined;
}

export interface RotateRequest extends RotationWish {
  readonly secretId: string;
  /** Id of the version to make; null joins a rotation at work, else begins one under a fresh id. */
  readonly versionId: string | null;
  /** False only tests the current value, as a rotation would. */
  readonly immediately: boolean;
  /** What shall not hold it, each with the reason. */
  readonly override?: RotationOverride | undefined;
}

export interface AdoptionWish extends RotationWish {
  /** A version to log in with, if it is not to be the current one; nothing is planned then. */
  readonly versionId?: string;
}

export interface BegunRotation {
  readonly secret: SecretRecord;
  readonly rotation: RotationRecord;
}

/** How a secret's rotation stands. */
export interface RotationView {
  readonly secret: SecretRecord;
  readonly active: RotationRecord | null;
  readonly queued: RotationRecord | null;
  /** Newest first. */
  readonly recent: readonly RotationRecord[];
  readonly due: { readonly due: boolean; readonly reasons: readonly DueReason[] };
  /** Whether the target still accepts the current value; null while nobody has looked. */
  readonly drift: DriftRecord | null;
  /** No target knows its values: nothing refuses an old one, at any time. */
  readonly withoutTarget: boolean;
}

const ROTATE = 'secretsmanager:RotateSecret';
const CONFIGURE = 'rekey:ConfigureRotation';
const LOOK = 'rekey:DescribeRotation';
const SHOWN_RECENT = 10;

/** Use cases about rotation: asked for, called off, configured, looked at. What carries rotations on is the engine. */
export class RotationCases {
  readonly #parts: ServiceParts;
  readonly #cases: UseCases;
  readonly #changes: SecretChanges;

  constructor(parts: ServiceParts, cases: UseCases, changes: SecretChanges) {
    this.#parts = parts;
    this.#cases = cases;
    this.#changes = changes;
  }

  /** Stores what is configured and begins a rotation, in one commit; a refusal leaves no trace. */
  rotate(caller: Caller, request: RotateRequest): Promise<BegunRotation> {
    const { secretId, versionId, immediately, override } = request;
    const keys = rotationKeys(request);
    const ask = { caller, action: ROTATE, secretId, keys, ...alsoNeeded(override) };
    return this.#cases.onSecret(ask, async ({ id, record }, trail) => {
      trail.versionId = versionId;
      if (override !== undefined) trail.detail = `${trail.detail ?? ''} ${overriddenSentence(override)}`.trim();
      this.#checkFunction(record, request);
      if (changesAnything(record, request)) await this.#mayUseAdmin(caller, record);
      const configure = (rotation: SecretRotation | null) => configured(rotation, record, request);
      const askedBy = caller.principal.arn;
      const begin = {
        versionId,
        askedBy,
        ...(changesAnything(record, request) ? { configure } : {}),
        ...(override === undefined ? {} : { override }),
      };
      const rotation = immediately
        ? await this.#parts.rotations.begin(id, { ...begin, cause: 'manual' })
        : await this.#parts.rotations.verify(id, begin);
      trail.versionId = rotation.versionId;
      return { secret: record, rotation };
    });
  }

  /** Switches rotation off; its configuration stays. Names the version that is left pending, if one is. */
  cancel(
    caller: Caller,
    secretId: string,
  ): Promise<{ readonly secret: SecretRecord; readonly versionId: string | null }> {
    const action = 'secretsmanager:CancelRotateSecret';
    return this.#cases.onSecret({ caller, action, secretId }, async ({ id, record: secret }, trail) => {
      if (secret.deletedAt !== null) throw markedForDeletion(secret.name);
      if (secret.rotation === null) throw noRotationFunction(secret.name);
      const { versionId } = await this.#parts.rotations.cancel(id, this.#parts.clock.now());
      trail.versionId = versionId;
      return { secret, versionId };
    });
  }

  /** Configures rotation without beginning one. */
  configure(caller: Caller, secretId: string, wish: RotationWish): Promise<SecretRecord> {
    return this.#cases.onSecret({ caller, action: CONFIGURE, secretId }, ({ id }) =>
      this.#changes.change(id, async (secret) => {
        this.#checkFunction(secret, wish);
        await this.#mayUseAdmin(caller, secret);
        await checkGate(
          { cases: this.#cases, store: this.#parts.store, look: LOOK },
          caller,
          secret,
          wish.explicit ?? {},
        );
        const now = this.#parts.clock.now();
        const rotation = replanned(secret, configured(secret.rotation, secret, wish), now);
        checkSchedule(rotation.rule, rotation.settings);
        const changed = { ...secret, rotation, changedAt: now };
        return { secret: changed, answer: changed };
      }),
    );
  }

  describe(caller: Caller, secretId: string): Promise<RotationView> {
    return this.#cases.onSecret(
      { caller, action: LOOK, secretId, alsoReplicas: true },
      async ({ id, record: secret }) => {
        const { rotations, store } = this.#parts;
        const [active, queued, recent, due, seen] = await Promise.all([
          rotations.active(id),
          rotations.queued(id),
          rotations.history(id, SHOWN_RECENT),
          rotations.due(id),
          store.get('drift', id),
        ]);
        const drift = driftOf(seen?.record ?? null, findLabelled(secret, CURRENT)?.id ?? null);
        const functionArn = secret.rotation?.functionArn ?? null;
        const found = functionArn === null ? null : this.#parts.findFunction(functionArn);
        const withoutTarget = found?.lacks.target !== undefined;
        return { secret, active, queued, recent, due, drift, withoutTarget };
      },
    );
  }

  /** Rotations of a secret, newest first. */
  history(caller: Caller, secretId: string, limit: number): Promise<readonly RotationRecord[]> {
    return this.#cases.onSecret({ caller, action: LOOK, secretId, alsoReplicas: true }, ({ id }) =>
      this.#parts.rotations.history(id, limit),
    );
  }

  /** One rotation of a secret. */
  get(caller: Caller, secretId: string, rotationId: string): Promise<RotationRecord> {
    return this.#cases.onSecret({ caller, action: LOOK, secretId, alsoReplicas: true }, async ({ id }) => {
      const found = await this.#parts.store.get('rotation', rotationId);
      if (found === null || found.record.secretId !== id) throw rotationNotFound(rotationId);
      return found.record;
    });
  }

  /** Proves the current value (or another version) and its admin credential at their target, and says what a rotation as wished would do. Changes nothing. */
  adopt(caller: Caller, secretId: string, wish: AdoptionWish = {}): Promise<Adoption> {
    const action = 'rekey:AdoptSecret';
    return this.#cases.onSecret({ caller, action, secretId }, async ({ id, record }, trail) => {
      const settings = settingsOf(record.tags, { ...record.rotation?.explicit, ...wish.explicit });
      const found = this.#checkFunction(record, wish, this.#parts.findFunctionUnder(settings));
      if (wish.versionId === undefined) {
        const adoption = await lookAtTarget(record, found, this.#parts, trail);
        if (adoption.probe.outcome === 'accepted') await this.#adopted(id);
        return adoption;
      }
      trail.versionId = wish.versionId;
      return lookAtVersion(record, found, this.#parts, wish.versionId);
    });
  }

  /** What a rotation as wished would do if it were begun now, and what it would meet. Changes nothing. */
  plan(caller: Caller, secretId: string, wish: RotationWish = {}): Promise<PlannedRotation> {
    const action = 'rekey:PlanRotation';
    return this.#cases.onSecret({ caller, action, secretId }, async ({ id, record }, trail) => {
      const { rotations, holders, look, store } = this.#parts;
      const settings = settingsOf(record.tags, { ...record.rotation?.explicit, ...wish.explicit });
      const found = this.#checkFunction(record, wish, this.#parts.findFunctionUnder(settings));
      await this.#mayUseAdmin(caller, record);
      const quarantined = await isQuarantined(store);
      const question = { now: this.#parts.clock.now(), rotation: { cause: 'manual' as const } };
      const hold = await this.#parts.holds.onBegin(record, question);
      const facts = { quarantined, active: await rotations.active(id), queued: await rotations.queued(id) };
      return {
        name: record.name,
        functionArn: found.name,
        settings,
        withoutTarget: found.lacks.target !== undefined,
        ...(await lookAtTarget(record, found, { store, look }, trail)),
        holders: heldBy(record, await holders.list(id), this.#parts.clock.now()),
        inTheWay: inTheWay(record, { ...facts, hold }),
      };
    });
  }

  /** From now on it is watched who uses it; its first scheduled rotation waits for that. */
  #adopted(secretId: string): Promise<void> {
    return this.#changes.change(secretId, (secret) => {
      const isKnown = secret.adoptedAt !== undefined || secret.rotation?.lastRotatedAt != null;
      return { secret: isKnown ? secret : { ...secret, adoptedAt: this.#parts.clock.now() }, answer: undefined };
    });
  }

  async #mayUseAdmin(caller: Caller, secret: SecretRecord): Promise<void> {
    if (caller.principal.kind === 'root') return;
    await mayUseAdmin(this.#cases, caller, await adminOf(this.#parts.store, secret));
  }

  /** The function that would rotate the secret. */
  #checkFunction(secret: SecretRecord, { functionArn }: RotationWish, find = this.#parts.findFunction) {
    if (secret.deletedAt !== null) throw markedForDeletion(secret.name);
    const named = functionArn ?? secret.rotation?.functionArn ?? null;
    if (named === null || named === '') throw noRotationFunction(secret.name);
    const found = find(named);
    if (found === null) throw functionNotInvocable(named, this.#parts.rotators);
    return found;
  }
}

/** Who may rotate may not therefore set aside what guards. */
function alsoNeeded(override: RotationOverride | undefined): Pick<Ask, 'alsoNeeds'> {
  const actions = [
    ...(override?.freeze === undefined ? [] : ['rekey:OverrideFreeze']),
    ...(override?.gate === undefined ? [] : ['rekey:OverrideGate']),
  ];
  return actions.length === 0 ? {} : { alsoNeeds: actions };
}

function overriddenSentence(override: RotationOverride): string {
  return Object.entries(override)
    .map(([what, reason]) => `Overrides the ${what}: ${reason}`)
    .join(' ');
}

function rotationKeys({ functionArn, rule, immediately }: RotateRequest): NonNullable<Ask['keys']> {
  return {
    'secretsmanager:ModifyRotationRules': String(rule !== undefined),
    'secretsmanager:RotateImmediately': String(immediately),
    ...(functionArn === undefined ? {} : { 'secretsmanager:RotationLambdaARN': functionArn }),
  };
}

/** A request without any wish leaves the configuration alone, unless rotation must be switched on again. */
function changesAnything({ rotation }: SecretRecord, { functionArn, rule, explicit }: RotationWish): boolean {
  return functionArn !== undefined || rule !== undefined || explicit !== undefined || rotation?.enabled !== true;
}

function configured(before: SecretRotation | null, { tags }: SecretRecord, wish: RotationWish): SecretRotation {
  const explicit = { ...before?.explicit, ...wish.explicit };
  return {
    number: before?.number ?? 0,
    lastRotatedAt: before?.lastRotatedAt ?? null,
    plannedAt: (waitsAtGate(before) ? before?.postponed?.plannedAt : before?.plannedAt) ?? null,
    deadlineAt: before?.deadlineAt ?? null,
    activeRotationId: before?.activeRotationId ?? null,
    queuedRotationId: before?.queuedRotationId ?? null,
    ...(before?.postponed === undefined ? {} : { postponed: waitsAtGate(before) ? null : before.postponed }),
    enabled: true,
    functionArn: wish.functionArn ?? before?.functionArn ?? null,
    rule: wish.rule ?? before?.rule ?? DEFAULT_RULE,
    settings: settingsOf(tags, explicit),
    explicit,
  };
}

/** Its gate may be another one now: what waits at it is asked again at once. */
function waitsAtGate(rotation: SecretRotation | null): boolean {
  return rotation?.postponed?.by === 'gate';
}

/** Another rule counts from now. While a rotation is at work nothing is planned; its end plans by the new rule. */
function replanned(before: SecretRecord, rotation: SecretRotation, now: number): SecretRotation {
  const isAtWork = rotation.activeRotationId !== null && rotation.plannedAt === null;
  const isSame = JSON.stringify(before.rotation?.rule) === JSON.stringify(rotation.rule);
  if (isAtWork || (isSame && rotation.plannedAt !== null)) return rotation;
  return planned(rotation, before.id, now);
}

import { RekeyError } from '@rekey/core';
import type { ChangesWish } from '../../service/changes.ts';
import type { DeclarationWish } from '../../service/declaration/declarations.ts';
import type { RewrapWish } from '../../service/keys.ts';
import type { AdoptionWish, RotationWish } from '../../service/rotation.ts';
import type { SimulationWish } from '../../service/simulation.ts';
import type { AcknowledgementWish } from '../../service/usage.ts';
import { getBreach, listBreaches, readBreachWish, readLeakedWish, reportBreach, reportLeaked } from './breaches.ts';
import { readChangesQuery } from './changes-query.ts';
import type { NativeDeps, NativeOperation, NativeRequest } from './operation.ts';
import { type FreezeWish, type RotateWish, readFreezeForm, readRotateWish } from './order-wishes.ts';
import type { Route } from './routes.ts';
import {
  readAcknowledgement,
  readAdoptionWish,
  readDeclarationWish,
  readForget,
  readQuarantineEnd,
  readRewrap,
  readRotationWish,
  readSimulationWish,
} from './wishes.ts';

/** Most rotations one listing gives. */
const MOST_LISTED = 100;

/** Every operation of the native face; `docs/native-face.md` describes them in the same order. */
export const ROUTES: readonly Route<NativeOperation>[] = [
  { method: 'GET', pattern: '/rekey/status', handler: withoutBody(status) },
  { method: 'GET', pattern: '/rekey/secrets/:name/rotation', handler: withoutBody(showRotation) },
  { method: 'PUT', pattern: '/rekey/secrets/:name/rotation', handler: withBody(readRotationWish, configureRotation) },
  { method: 'POST', pattern: '/rekey/secrets/:name/rotate', handler: withBody(readRotateWish, rotate) },
  { method: 'POST', pattern: '/rekey/secrets/:name/plan', handler: withBody(readRotationWish, plan) },
  { method: 'POST', pattern: '/rekey/secrets/:name/rollback', handler: withoutBody(rollback) },
  { method: 'POST', pattern: '/rekey/secrets/:name/repair', handler: withoutBody(repair) },
  { method: 'POST', pattern: '/rekey/secrets/:name/unstick', handler: withoutBody(unstick) },
  { method: 'POST', pattern: '/rekey/secrets/:name/breach', handler: withBody(readBreachWish, reportBreach) },
  { method: 'POST', pattern: '/rekey/breaches', handler: withBody(readLeakedWish, reportLeaked) },
  { method: 'GET', pattern: '/rekey/breaches', handler: withoutBody(listBreaches) },
  { method: 'GET', pattern: '/rekey/breaches/:id', handler: withoutBody(getBreach) },
  { method: 'GET', pattern: '/rekey/secrets/:name/rotations', handler: withQuery(readLimit, listRotations) },
  { method: 'GET', pattern: '/rekey/secrets/:name/rotations/:id', handler: withoutBody(getRotation) },
  { method: 'GET', pattern: '/rekey/secrets/:name/holders', handler: withoutBody(listHolders) },
  { method: 'POST', pattern: '/rekey/secrets/:name/holders', handler: withBody(readAcknowledgement, acknowledge) },
  { method: 'POST', pattern: '/rekey/secrets/:name/adopt', handler: withBody(readAdoptionWish, adopt) },
  { method: 'GET', pattern: '/rekey/freezes', handler: withoutBody(listFreezes) },
  { method: 'PUT', pattern: '/rekey/freezes/:name', handler: withBody(readFreezeForm, putFreeze) },
  { method: 'DELETE', pattern: '/rekey/freezes/:name', handler: withoutBody(liftFreeze) },
  { method: 'GET', pattern: '/rekey/changes', handler: withQuery(readChangesQuery, nextChanges) },
  { method: 'GET', pattern: '/rekey/quarantine', handler: withoutBody(showQuarantine) },
  { method: 'POST', pattern: '/rekey/quarantine/end', handler: withBody(readQuarantineEnd, endQuarantine) },
  { method: 'POST', pattern: '/rekey/policy/simulate', handler: withBody(readSimulationWish, simulatePolicy) },
  { method: 'POST', pattern: '/rekey/plan', handler: withBody(readDeclarationWish, planDeclaration) },
  { method: 'POST', pattern: '/rekey/apply', handler: withBody(readDeclarationWish, applyDeclaration) },
  { method: 'POST', pattern: '/rekey/roles/:name/revoke-sessions', handler: withoutBody(revokeSessions) },
  { method: 'GET', pattern: '/rekey/keys', handler: withoutBody(describeKeys) },
  { method: 'POST', pattern: '/rekey/keys/rotate', handler: withoutBody(rotateKeys) },
  { method: 'POST', pattern: '/rekey/keys/rewrap', handler: withBody(readRewrap, rewrapKeys) },
  { method: 'POST', pattern: '/rekey/keys/rewrap/cancel', handler: withoutBody(cancelRewrap) },
  { method: 'POST', pattern: '/rekey/keys/forget', handler: withBody(readForget, forgetKeyServer) },
  { method: 'POST', pattern: '/rekey/backup', handler: withoutBody(backup) },
];

/** The table holds operations of all kinds of wishes; each is only ever handed what its own `read` made. */
function withBody<Wish>(read: NativeOperation<Wish>['read'], run: NativeOperation<Wish>['run']): NativeOperation {
  return { read, run } as unknown as NativeOperation;
}

function withoutBody(run: (request: NativeRequest, deps: NativeDeps) => Promise<unknown>): NativeOperation {
  return withBody<unknown>(() => null, run);
}

function withQuery<Wish>(read: (query: URLSearchParams) => Wish, run: NativeOperation<Wish>['run']): NativeOperation {
  return withBody<Wish>((_body, query) => read(query), run);
}

async function revokeSessions({ caller, variables }: NativeRequest, { service }: NativeDeps) {
  await service.sts.revokeSessions(caller, nameOf(variables));
  return {};
}

async function status({ caller }: NativeRequest, { service, version }: NativeDeps) {
  return { version, ...(await service.status.get(caller)) };
}

async function showRotation({ caller, variables }: NativeRequest, { service }: NativeDeps) {
  const { secret, ...view } = await service.rotation.describe(caller, nameOf(variables));
  return { name: secret.name, arn: secret.arn, rotation: secret.rotation, ...view };
}

async function configureRotation(request: NativeRequest<RotationWish>, deps: NativeDeps) {
  await deps.service.rotation.configure(request.caller, nameOf(request.variables), request.wish);
  return showRotation(request, deps);
}

async function rotate({ caller, variables, wish: override }: NativeRequest<RotateWish>, { service }: NativeDeps) {
  const asked = { secretId: nameOf(variables), versionId: null, immediately: true, override };
  return { rotation: (await service.rotation.rotate(caller, asked)).rotation };
}

async function plan({ caller, variables, wish }: NativeRequest<RotationWish>, { service }: NativeDeps) {
  return service.rotation.plan(caller, nameOf(variables), wish);
}

async function rollback({ caller, variables }: NativeRequest, { service }: NativeDeps) {
  return { rotation: (await service.corrections.rollback(caller, nameOf(variables))).rotation };
}

async function repair({ caller, variables }: NativeRequest, { service }: NativeDeps) {
  return { rotation: (await service.corrections.repair(caller, nameOf(variables))).rotation };
}

async function unstick({ caller, variables }: NativeRequest, { service }: NativeDeps) {
  return service.corrections.unstick(caller, nameOf(variables));
}

function readLimit(query: URLSearchParams): number {
  const asked = query.get('limit') ?? String(MOST_LISTED);
  if (!/^[1-9]\d{0,8}$/.test(asked))
    throw new RekeyError('invalid-input', `limit takes a whole number from 1 to ${MOST_LISTED}.`, {
      reason: 'malformed-query',
    });
  return Math.min(Number(asked), MOST_LISTED);
}

async function listRotations({ caller, variables, wish: limit }: NativeRequest<number>, { service }: NativeDeps) {
  return { rotations: await service.rotation.history(caller, nameOf(variables), limit) };
}

async function getRotation({ caller, variables }: NativeRequest, { service }: NativeDeps) {
  return { rotation: await service.rotation.get(caller, nameOf(variables), variables.id ?? '') };
}

async function listHolders({ caller, variables }: NativeRequest, { service }: NativeDeps) {
  return service.usage.list(caller, nameOf(variables));
}

async function acknowledge({ caller, variables, wish }: NativeRequest<AcknowledgementWish>, { service }: NativeDeps) {
  await service.usage.acknowledge(caller, nameOf(variables), wish);
  return {};
}

async function nextChanges({ caller, wish, gone }: NativeRequest<ChangesWish>, { service }: NativeDeps) {
  return service.changes.next(caller, wish, gone?.());
}

async function adopt({ caller, variables, wish }: NativeRequest<AdoptionWish>, { service }: NativeDeps) {
  return service.rotation.adopt(caller, nameOf(variables), wish);
}

async function listFreezes({ caller }: NativeRequest, { service }: NativeDeps) {
  return { freezes: await service.freezes.list(caller) };
}

async function putFreeze({ caller, variables, wish }: NativeRequest<FreezeWish>, { service }: NativeDeps) {
  return { freezes: await service.freezes.put(caller, { ...wish, name: nameOf(variables) }) };
}

async function liftFreeze({ caller, variables }: NativeRequest, { service }: NativeDeps) {
  return { freezes: await service.freezes.remove(caller, nameOf(variables)) };
}

async function showQuarantine({ caller }: NativeRequest, { service }: NativeDeps) {
  return service.upkeep.quarantine(caller);
}

async function endQuarantine({ caller, wish }: NativeRequest<{ despiteFindings: boolean }>, { service }: NativeDeps) {
  const ended = await service.upkeep.endQuarantine(caller, wish);
  return { ended, ...(await service.upkeep.quarantine(caller)) };
}

async function simulatePolicy({ caller, wish }: NativeRequest<SimulationWish>, { service }: NativeDeps) {
  return service.simulation.ofSecret(caller, wish);
}

async function planDeclaration({ caller, wish }: NativeRequest<DeclarationWish>, { service }: NativeDeps) {
  return service.declarations.plan(caller, wish);
}

async function applyDeclaration(
  { caller, wish }: NativeRequest<DeclarationWish & { readonly shown: string | null }>,
  { service }: NativeDeps,
) {
  return service.declarations.apply(caller, wish);
}

async function describeKeys({ caller }: NativeRequest, { service }: NativeDeps) {
  return service.keys.describe(caller);
}

async function rotateKeys({ caller }: NativeRequest, { service }: NativeDeps) {
  return service.keys.rotate(caller);
}

async function rewrapKeys({ caller, wish }: NativeRequest<RewrapWish>, { service }: NativeDeps) {
  return service.keys.rewrap(caller, wish);
}

async function cancelRewrap({ caller }: NativeRequest, { service }: NativeDeps) {
  return service.keys.cancelRewrap(caller);
}

async function forgetKeyServer({ caller, wish }: NativeRequest<{ server: string }>, { service }: NativeDeps) {
  return service.keys.forgetServer(caller, wish.server);
}

async function backup({ caller }: NativeRequest, { service }: NativeDeps) {
  return { content: Buffer.from(await service.upkeep.backup(caller)).toString('base64') };
}

function nameOf(variables: Readonly<Record<string, string>>): string {
  return variables.name ?? '';
}

import type { Caller } from '@rekey/core';
import type { Service } from '../../service/service.ts';
import type { Route } from './routes.ts';
import { readQuarantineEnd, readRotationWish } from './wishes.ts';

/** A native request after parsing and authentication. */
export interface NativeRequest {
  readonly caller: Caller;
  readonly variables: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Parsed JSON; undefined if there was no body. */
  readonly body: unknown;
}

export interface NativeDeps {
  readonly service: Service;
  readonly version: string;
}

type Handler = (request: NativeRequest, deps: NativeDeps) => Promise<unknown>;

/** Most rotations one listing gives. */
const MOST_LISTED = 100;

/** Every operation of the native face; `docs/native-face.md` describes them in the same order. */
export const ROUTES: readonly Route<Handler>[] = [
  { method: 'GET', pattern: '/rekey/status', handler: status },
  { method: 'GET', pattern: '/rekey/secrets/:name/rotation', handler: showRotation },
  { method: 'PUT', pattern: '/rekey/secrets/:name/rotation', handler: configureRotation },
  { method: 'POST', pattern: '/rekey/secrets/:name/rotate', handler: rotate },
  { method: 'GET', pattern: '/rekey/secrets/:name/rotations', handler: listRotations },
  { method: 'GET', pattern: '/rekey/secrets/:name/rotations/:id', handler: getRotation },
  { method: 'GET', pattern: '/rekey/secrets/:name/holders', handler: listHolders },
  { method: 'POST', pattern: '/rekey/secrets/:name/adopt', handler: adopt },
  { method: 'GET', pattern: '/rekey/quarantine', handler: showQuarantine },
  { method: 'POST', pattern: '/rekey/quarantine/end', handler: endQuarantine },
  { method: 'POST', pattern: '/rekey/backup', handler: backup },
];

async function status({ caller }: NativeRequest, { service, version }: NativeDeps) {
  return { version, ...(await service.status.get(caller)) };
}

async function showRotation({ caller, variables }: NativeRequest, { service }: NativeDeps) {
  const { secret, active, queued, recent, due } = await service.rotation.describe(caller, nameOf(variables));
  return { name: secret.name, arn: secret.arn, rotation: secret.rotation, active, queued, recent, due };
}

async function configureRotation(request: NativeRequest, deps: NativeDeps) {
  await deps.service.rotation.configure(request.caller, nameOf(request.variables), readRotationWish(request.body));
  return showRotation(request, deps);
}

async function rotate({ caller, variables }: NativeRequest, { service }: NativeDeps) {
  const asked = { secretId: nameOf(variables), versionId: null, immediately: true };
  return { rotation: (await service.rotation.rotate(caller, asked)).rotation };
}

async function listRotations({ caller, variables, query }: NativeRequest, { service }: NativeDeps) {
  const asked = Number(query.get('limit') ?? MOST_LISTED);
  const limit = Number.isInteger(asked) && asked > 0 ? Math.min(asked, MOST_LISTED) : MOST_LISTED;
  return { rotations: await service.rotation.history(caller, nameOf(variables), limit) };
}

async function getRotation({ caller, variables }: NativeRequest, { service }: NativeDeps) {
  return { rotation: await service.rotation.get(caller, nameOf(variables), variables.id ?? '') };
}

async function listHolders({ caller, variables }: NativeRequest, { service }: NativeDeps) {
  return { holders: await service.rotation.holders(caller, nameOf(variables)) };
}

async function adopt({ caller, variables, body }: NativeRequest, { service }: NativeDeps) {
  return service.rotation.adopt(caller, nameOf(variables), readRotationWish(body));
}

async function showQuarantine({ caller }: NativeRequest, { service }: NativeDeps) {
  return service.upkeep.quarantine(caller);
}

async function endQuarantine({ caller, body }: NativeRequest, { service }: NativeDeps) {
  await service.upkeep.endQuarantine(caller, readQuarantineEnd(body));
  return service.upkeep.quarantine(caller);
}

async function backup({ caller }: NativeRequest, { service }: NativeDeps) {
  return { content: Buffer.from(await service.upkeep.backup(caller)).toString('base64') };
}

function nameOf(variables: Readonly<Record<string, string>>): string {
  return variables.name ?? '';
}

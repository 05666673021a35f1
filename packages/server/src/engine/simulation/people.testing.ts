import { CURRENT } from '@rekey/core';
import type { Store } from '../../store/store.ts';
import { addVersion } from '../versions.ts';
import type { PersonAct } from './fault.testing.ts';
import type { SimulatedServer } from './server.testing.ts';
import { loginIn } from './target.testing.ts';
import type { World } from './world.testing.ts';

/** Something a person does, by a server that is awake. What is refused is refused. */
export async function personDoes(world: World, { engine, store }: SimulatedServer, act: PersonAct): Promise<void> {
  const { secretId } = world;
  const request = { versionId: null, cause: 'manual', askedBy: 'test' } as const;
  switch (act) {
    case 'rotate':
      return ask(world, engine.rotations.begin(secretId, request));
    case 'adopt':
      return ask(world, engine.rotations.verify(secretId, request));
    case 'cancel':
      return ask(world, engine.rotations.cancel(secretId, engine.clock.now()));
    case 'rollback':
      return ask(world, engine.corrections.rollback(secretId, 'test'));
    case 'repair':
      return ask(world, engine.corrections.repair(secretId, 'test'));
    case 'unstick':
      return ask(world, engine.unstick.unstick(secretId, 'test'));
    case 'look':
      return ask(world, engine.drift.look(secretId));
    case 'put-by-hand':
      return putByHand(world, store, 'put-by-hand');
    case 'change-target':
      return changeTarget(world, 'by-hand');
    case 'hand-over':
      return handOver(world, store);
    case 'put-target-back':
      world.promises.others();
      world.target.putBack();
      return;
  }
}

async function ask(world: World, asked: Promise<unknown>): Promise<void> {
  try {
    await asked;
  } catch (error) {
    world.refused(error);
  }
}

/** Behind rekey's back. */
function changeTarget(world: World, password: string): void {
  world.promises.others();
  world.journaled.add(password);
  world.target.changeByHand(loginIn(world.promises.textOf(CURRENT) ?? '{}').username, password);
}

/** A value somebody made themselves: at the target first, as they should, then here. */
function handOver(world: World, store: Store): Promise<void> {
  const password = `handed-over-${world.random.below(1_000_000)}`;
  changeTarget(world, password);
  return putByHand(world, store, password);
}

/** As PutSecretValue does it. */
function putByHand(world: World, store: Store, password: string): Promise<void> {
  world.promises.others();
  world.journaled.add(password);
  const text = world.promises.textOf(CURRENT);
  const id = `by-hand-${world.random.below(1_000_000_000)}`;
  const put = putCurrent(world, store, { id, text: JSON.stringify({ ...JSON.parse(text ?? '{}'), password }) });
  return world.promises.whileOthers(ask(world, put));
}

async function putCurrent(
  { secretId, now }: World,
  store: Store,
  { id, text }: { readonly id: string; readonly text: string },
) {
  const stored = await store.get('secret', secretId);
  if (stored === null) return;
  const record = addVersion(stored.record, { id, hasValue: true, kmsKeyId: null }, [CURRENT], now);
  await store.commit([
    { collection: 'secret', id: secretId, record, expect: stored.revision },
    { collection: 'value', id: `${secretId}/${id}`, record: { kind: 'text', text } },
  ]);
}

/** From now on nothing is begun but by people. */
export async function endSchedule({ secretId }: World, { store }: SimulatedServer): Promise<void> {
  const stored = await store.get('secret', secretId);
  if (stored?.record.rotation == null) return;
  const rotation = { ...stored.record.rotation, rule: { kind: 'manual' } as const, plannedAt: null, deadlineAt: null };
  const record = { ...stored.record, rotation };
  await store.commit([{ collection: 'secret', id: secretId, record, expect: stored.revision }]);
}

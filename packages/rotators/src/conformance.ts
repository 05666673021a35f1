import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import {
  DEFAULT_ROTATION_SETTINGS,
  type Lacks,
  leaks,
  type RotationContext,
  type RotationSettings,
  type Rotator,
  RotatorError,
  type RotatorFeature,
  type SessionsRequest,
  type Strategy,
  secretStrings,
  systemRandom,
} from '@rekey/core';

/** A target of its own for one test, with a credential that it accepts. */
export interface ConformanceTarget {
  readonly rotator: Rotator;
  /** Accepted by the target now. */
  readonly credential: string;
  readonly admin: string | null;
  /** The same shape, for an account the target does not have; null where there are no accounts. */
  readonly absent: string | null;
  /** The same shape, at an address where nobody answers; null where there is no address. */
  readonly unreachable: string | null;
  /** Logs in with a credential and stays; needed where the rotator does not lack `sessions`. */
  openSession?(credential: string): Promise<{ close(): Promise<void> }>;
  close(): Promise<void>;
}

export interface RotatorHarness {
  readonly strategy: Strategy;
  /** Opens a fresh target; every test closes its own. */
  open(): Promise<ConformanceTarget>;
  /** The secret part of a credential; by default the JSON member `password`. */
  secretPart?(credential: string): string;
  /** Members a credential cannot do without; by default host, username and password. */
  readonly requiredMembers?: readonly string[];
  /** What the rotator lacks in this harness only, beside what it declares itself. */
  readonly lacks?: Lacks;
  /** Why nothing can be run here (a server that is not installed); null to run. */
  readonly skip?: string | null;
}

/** Letters, digits and `-_.~`: unreserved in URLs (RFC 3986), plain in shells, YAML scalars and JDBC strings. */
const SAFE_EVERYWHERE = /^[A-Za-z0-9][A-Za-z0-9._~-]*$/;
const LEAST_ENTROPY_BITS = 128;
/** A rotator gives up within this after its signal aborted; milliseconds. */
const GIVES_UP_WITHIN = 2_000;

/**
 * What every rotator promises, as tests of `node:test`. A rotator's own test file calls this once per strategy; what
 * the rotator declares in `lacks` is skipped with the declared reason, nothing else is.
 */
export function rotatorConformance(name: string, harness: RotatorHarness): void {
  describe(`${name} keeps the promises of a rotator (${harness.strategy})`, { skip: harness.skip ?? false }, () => {
    createPromises(harness);
    setPromises(harness);
    fencePromises(harness);
    revokePromises(harness);
    probePromises(harness);
    sessionPromises(harness);
    failurePromises(harness);
  });
}

function createPromises(harness: RotatorHarness): void {
  promise(harness, 'create touches nothing at the target', ['probe'], async (bench) => {
    const { pending } = await bench.rotator.create({ context: bench.context(1), current: bench.credential });
    assert.equal(await bench.probe(bench.credential), 'accepted');
    assert.notEqual(await bench.probe(pending), 'accepted');
  });

  promise(
    harness,
    'create makes a secret of at least 128 bits that is safe in URLs, shells, YAML and JDBC',
    [],
    async (bench) => {
      const made = new Set<string>();
      for (let round = 0; round < 20; round += 1) {
        const { pending } = await bench.rotator.create({ context: bench.context(1), current: bench.credential });
        const secret = bench.secretPart(pending);
        assert.ok(SAFE_EVERYWHERE.test(secret), 'has characters beyond letters, digits and -_.~');
        assert.ok(Number.isNaN(Number(secret)), 'YAML would read it as a number');
        made.add(secret);
      }
      assert.equal(made.size, 20);
      const symbols = new Set([...made].join('')).size;
      const bits = Math.min(...[...made].map((secret) => secret.length)) * Math.log2(symbols);
      assert.ok(bits >= LEAST_ENTROPY_BITS, `${bits} bits`);
    },
  );

  promise(harness, 'create keeps members it does not know', [], async (bench) => {
    const fields = membersOf(bench.credential);
    if (fields === null) return;
    const unknown = { note: 'ünknown', nested: { list: [1, null, 'x'] } };
    const current = JSON.stringify({ ...fields, ...unknown });
    const { pending } = await bench.rotator.create({ context: bench.context(1), current });
    const { note, nested } = JSON.parse(pending);
    assert.deepEqual({ note, nested }, unknown);
  });

  promise(harness, 'plan changes nothing and shows no secret', ['probe'], async (bench) => {
    const plan = await bench.rotator.plan({ context: bench.context(1), current: bench.credential });
    assert.equal(plan.strategy, harness.strategy);
    bench.assertClean(plan);
    assert.equal(await bench.probe(bench.credential), 'accepted');
  });

  promise(harness, 'target names the same system for every credential of a rotation', [], async (bench) => {
    const { pending } = await bench.rotator.create({ context: bench.context(1), current: bench.credential });
    assert.equal(bench.rotator.target(pending), bench.rotator.target(bench.credential));
    bench.assertClean(bench.rotator.target(bench.credential));
  });
}

function setPromises(harness: RotatorHarness): void {
  const overlaps = harness.strategy !== 'single-user';

  promise(
    harness,
    `set makes the target accept pending${overlaps ? ' while it still accepts current' : ''}`,
    ['probe'],
    async (bench) => {
      const pending = await bench.rotateTo(1, bench.credential);
      assert.equal(await bench.probe(pending), 'accepted');
      if (overlaps) assert.equal(await bench.probe(bench.credential), 'accepted');
    },
  );

  promise(
    harness,
    'a single password no longer works once the new one is set',
    ['probe', 'refuses-old'],
    async (bench) => {
      if (overlaps) return;
      await bench.rotateTo(1, bench.credential);
      assert.equal(await bench.probe(bench.credential), 'refused');
    },
  );

  promise(
    harness,
    'set and test reach the same end when they are repeated after a lost reply',
    ['probe'],
    async (bench) => {
      const context = bench.context(1);
      const { pending } = await bench.rotator.create({ context, current: bench.credential });
      const request = { context, current: bench.credential, pending, previous: null };
      for (let attempt = 0; attempt < 3; attempt += 1) {
        await bench.rotator.set(request);
        await bench.rotator.test(request);
        await bench.rotator.test(request);
      }
      assert.equal(await bench.probe(pending), 'accepted');
      if (overlaps) assert.equal(await bench.probe(bench.credential), 'accepted');
    },
  );

  promise(
    harness,
    'set keeps current accepted, although a rotation before set a value that never became current',
    ['probe'],
    async (bench) => {
      if (!overlaps) return;
      await bench.rotateTo(1, bench.credential);
      const pending = await bench.rotateTo(2, bench.credential);
      assert.equal(await bench.probe(pending), 'accepted');
      assert.equal(await bench.probe(bench.credential), 'accepted');
    },
  );

  promise(harness, 'test refuses a pending credential that was never set', ['probe'], async (bench) => {
    const context = bench.context(1);
    const { pending } = await bench.rotator.create({ context, current: bench.credential });
    await bench.fails('refused-login', () => bench.rotator.test({ context, current: bench.credential, pending }));
  });

  promise(harness, 'rotations follow one another, and current logs in after each', ['probe'], async (bench) => {
    let current = bench.credential;
    for (let number = 1; number <= 4; number += 1) {
      const pending = await bench.rotateTo(number, current);
      if (!bench.lacks('revoke'))
        await bench.rotator.revoke({ context: bench.context(number), retired: current, current: pending });
      current = pending;
      assert.equal(await bench.probe(current), 'accepted');
    }
  });
}

function fencePromises(harness: RotatorHarness): void {
  promise(
    harness,
    'the target refuses a write of an older rotation, and names the newer number',
    ['fence', 'probe'],
    async (bench) => {
      const late = await bench.rotator.create({ context: bench.context(4), current: bench.credential });
      const newer = await bench.rotateTo(5, bench.credential);
      const request = { context: bench.context(4), current: bench.credential, pending: late.pending, previous: null };
      const error = await bench.fails('conflict', () => bench.rotator.set(request));
      assert.equal(error.observedFence, 5);
      assert.equal(await bench.probe(newer), 'accepted');
      assert.equal(await bench.probe(late.pending), 'refused');
    },
  );

  promise(
    harness,
    'an older rotation cannot retire what a newer one made',
    ['fence', 'probe', 'revoke'],
    async (bench) => {
      if (harness.strategy === 'single-user') return;
      const second = await bench.rotateTo(5, bench.credential);
      const third = await bench.rotateTo(6, second);
      const request = { context: bench.context(5), retired: bench.credential, current: second };
      await bench.fails('conflict', () => bench.rotator.revoke(request));
      assert.equal(await bench.probe(third), 'accepted');
    },
  );
}

function revokePromises(harness: RotatorHarness): void {
  promise(
    harness,
    'revoke makes the target refuse the old credential and leaves current alone, also when repeated',
    ['revoke', 'probe'],
    async (bench) => {
      const pending = await bench.rotateTo(1, bench.credential);
      const request = { context: bench.context(1), retired: bench.credential, current: pending };
      for (let attempt = 0; attempt < 3; attempt += 1) {
        await bench.rotator.revoke(request);
        assert.equal(await bench.probe(bench.credential), 'refused');
        assert.equal(await bench.probe(pending), 'accepted');
      }
    },
  );

  promise(harness, 'revoke of the absent is a success', ['revoke'], async (bench) => {
    if (bench.absent === null) return;
    const result = await bench.rotator.revoke({
      context: bench.context(1),
      retired: bench.absent,
      current: bench.credential,
    });
    assert.equal(result.endedSessions, 0);
  });
}

function probePromises(harness: RotatorHarness): void {
  promise(harness, 'probe accepts what is right and refuses a decoy', ['probe', 'decoy'], async (bench) => {
    assert.ok(bench.rotator.decoy);
    const decoy = bench.rotator.decoy(bench.credential, systemRandom);
    assert.notEqual(bench.secretPart(decoy), bench.secretPart(bench.credential));
    assert.equal(await bench.probe(bench.credential), 'accepted');
    assert.equal(await bench.probe(decoy), 'refused');
  });

  promise(
    harness,
    'probe calls an address where nobody answers unreachable, never refused',
    ['probe'],
    async (bench) => {
      if (bench.unreachable === null) return;
      assert.equal(await bench.probe(bench.unreachable), 'unreachable');
    },
  );

  promise(harness, 'probe that is out of time says unreachable', ['probe'], async (bench) => {
    const request = { credential: bench.credential, settings: bench.settings, signal: AbortSignal.abort() };
    assert.equal((await bench.rotator.probe(request)).outcome, 'unreachable');
  });
}

function sessionPromises(harness: RotatorHarness): void {
  test('what cannot count sessions says why', async () => {
    const target = await harness.open();
    await target.close();
    const { name, sessions, lacks } = target.rotator;
    assert.notEqual(
      sessions === undefined,
      lacks.sessions === undefined,
      `${name}: have sessions, or declare it in lacks`,
    );
  });

  promise(
    harness,
    'sessions counts who is still logged in with the old credential, and nobody else',
    ['sessions'],
    async (bench) => {
      const current = await bench.rotateTo(1, bench.credential);
      const count = () => bench.sessions({ context: bench.context(1), held: bench.credential, current });
      if (harness.strategy === 'single-user') return assert.equal(await count(), null);
      if (harness.strategy !== 'alternating-users') return;
      assert.equal(await count(), 0);
      const old = await bench.logIn(bench.credential);
      const fresh = await bench.logIn(current);
      assert.equal(await count(), 1);
      await old.close();
      await bench.settles(count, 0);
      await fresh.close();
    },
  );
}

function failurePromises(harness: RotatorHarness): void {
  const members = harness.requiredMembers ?? ['host', 'username', 'password'];
  for (const member of members)
    promise(
      harness,
      `a credential without ${member} is rejected by the name of the member, without its content`,
      [],
      async (bench) => {
        const fields = membersOf(bench.credential);
        for (const wrong of [undefined, '', 7, { oops: bench.secretPart(bench.credential) }]) {
          const current = JSON.stringify({ ...fields, [member]: wrong });
          const error = await bench.fails('rejected-form', () =>
            bench.rotator.create({ context: bench.context(1), current }),
          );
          assert.ok(error.message.includes(member), `${error.message} does not name ${member}`);
        }
      },
    );

  promise(harness, 'no failure shows a secret in any encoding', [], async (bench) => {
    const context = bench.context(1);
    const { pending } = await bench.rotator.create({ context, current: bench.credential });
    const wrong = [bench.absent, bench.unreachable, `${bench.secretPart(bench.credential)}{`].filter(
      (text) => text !== null,
    );
    for (const current of wrong) {
      for (const attempt of [
        () => bench.rotator.set({ context, current, pending, previous: null }),
        () => bench.rotator.test({ context, current, pending: current }),
        () => bench.rotator.plan({ context, current }),
        () => bench.rotator.revoke({ context, retired: current, current: pending }),
        () => bench.rotator.probe({ credential: current, settings: context.settings, signal: context.signal }),
        async () => bench.rotator.sessions?.({ context, held: pending, current }),
      ])
        bench.assertClean(await attempt().catch((error: unknown) => error), pending);
    }
  });

  promise(harness, 'set and test give up when their time is over', ['probe'], async (bench) => {
    const context = { ...bench.context(1), signal: AbortSignal.abort() };
    const { pending } = await bench.rotator.create({ context: bench.context(1), current: bench.credential });
    const startedAt = performance.now();
    const request = { context, current: bench.credential, pending, previous: null };
    await bench.fails('unreachable', () => bench.rotator.set(request));
    await bench.fails('unreachable', () => bench.rotator.test(request));
    assert.ok(performance.now() - startedAt < GIVES_UP_WITHIN);
  });
}

/** What a promise is tested with. */
class Bench {
  readonly rotator: Rotator;
  readonly credential: string;
  readonly absent: string | null;
  readonly unreachable: string | null;
  readonly settings: RotationSettings;
  readonly #target: ConformanceTarget;
  readonly #harness: RotatorHarness;
  readonly #deadline = AbortSignal.timeout(60_000);

  constructor(target: ConformanceTarget, harness: RotatorHarness) {
    this.#target = target;
    this.#harness = harness;
    this.rotator = target.rotator;
    this.credential = target.credential;
    this.absent = target.absent;
    this.unreachable = target.unreachable;
    this.settings = { ...DEFAULT_ROTATION_SETTINGS, strategy: harness.strategy };
  }

  context(fence: number): RotationContext {
    return {
      secret: { arn: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:conformance-AbCdEf', name: 'conformance' },
      strategy: this.#harness.strategy,
      fence,
      admin: this.#target.admin,
      settings: this.settings,
      random: systemRandom,
      signal: this.#deadline,
    };
  }

  /** One rotation up to the promotion; returns the credential it made. */
  async rotateTo(fence: number, current: string): Promise<string> {
    const context = this.context(fence);
    const { pending } = await this.rotator.create({ context, current });
    await this.rotator.set({ context, current, pending, previous: null });
    await this.rotator.test({ context, current, pending });
    return pending;
  }

  async probe(credential: string): Promise<string> {
    const result = await this.rotator.probe({ credential, settings: this.settings, signal: this.#deadline });
    this.assertClean(result);
    return result.outcome;
  }

  async sessions(request: SessionsRequest): Promise<number | null | undefined> {
    const counted = await this.rotator.sessions?.(request);
    this.assertClean(counted);
    return counted?.sessions;
  }

  async logIn(credential: string): Promise<{ close(): Promise<void> }> {
    assert.ok(this.#target.openSession, 'the harness opens no sessions');
    return this.#target.openSession(credential);
  }

  /** A server may take a moment to notice that somebody is gone. */
  async settles(look: () => Promise<unknown>, expected: unknown): Promise<void> {
    let found = await look();
    for (let looks = 0; looks < 200 && found !== expected; looks += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      found = await look();
    }
    assert.equal(found, expected);
  }

  async fails(errorClass: string, work: () => Promise<unknown>): Promise<RotatorError> {
    const error: unknown = await work().then(
      () => assert.fail(`did not fail; expected ${errorClass}`),
      (thrown) => thrown,
    );
    assert.ok(error instanceof RotatorError, `not a RotatorError: ${inspect(error)}`);
    assert.equal(error.class, errorClass, error.message);
    this.assertClean(error);
    return error;
  }

  /** Nothing a log could print of it holds a secret. */
  assertClean(thing: unknown, ...more: readonly string[]): void {
    const values = [this.credential, ...(this.#target.admin === null ? [] : [this.#target.admin]), ...more];
    const printed = `${inspect(thing, { depth: 10, showHidden: true })} ${thing instanceof Error ? thing.stack : ''}`;
    assert.deepEqual(leaks(printed, values.flatMap(secretStrings)), []);
  }

  secretPart(credential: string): string {
    return this.#harness.secretPart?.(credential) ?? String(membersOf(credential)?.password);
  }

  lacks(feature: RotatorFeature): boolean {
    return lackOf(this.#harness, this.rotator, feature) !== null;
  }
}

function promise(
  harness: RotatorHarness,
  title: string,
  needs: readonly RotatorFeature[],
  work: (bench: Bench) => Promise<void>,
): void {
  test(title, async (run) => {
    const target = await harness.open();
    try {
      const lack = needs.map((feature) => lackOf(harness, target.rotator, feature)).find((reason) => reason !== null);
      if (lack !== undefined) return run.skip(`lacks: ${lack}`);
      await work(new Bench(target, harness));
    } finally {
      await target.close();
    }
  });
}

function lackOf(harness: RotatorHarness, rotator: Rotator, feature: RotatorFeature): string | null {
  return harness.lacks?.[feature] ?? rotator.lacks[feature] ?? null;
}

function membersOf(credential: string): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(credential);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

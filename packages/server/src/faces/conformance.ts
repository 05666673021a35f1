import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Face, FaceRequest, FaceResponse } from './face.ts';

/** What the suite needs to know of a face. Its store holds at least one secret with {@link FaceUnderTest.value}. */
export interface FaceUnderTest {
  readonly name: string;
  open(): Promise<{ readonly face: Face; close(): Promise<void> }>;
  /** Requests that the face takes, one of every operation, as somebody who may do everything. */
  readonly requests: readonly FaceRequest[];
  /** A value in the store, which no error may repeat. */
  readonly value: string;
  /** Header in which an answer carries the request's id; null if the protocol has no room for it. */
  readonly requestIdHeader: string | null;
  /** Mutated requests to try. */
  readonly runs?: number;
}

/** What every face promises, whatever it speaks: it never throws, blames garbage on the sender, and repeats no secret. */
export function testFace(tested: FaceUnderTest): void {
  const { name, requests, value, requestIdHeader } = tested;
  const owned = async <T>(use: (face: Face) => Promise<T>): Promise<T> => {
    const { face, close } = await tested.open();
    try {
      return await use(face);
    } finally {
      await close();
    }
  };

  test(`${name}: owns what it speaks, and nothing without its marks`, () =>
    owned(async (face) => {
      for (const request of requests) assert.ok(face.owns(request), `${request.method} ${request.path}`);
      assert.ok(!face.owns({ ...requests[0]!, path: '/no/such/protocol', headers: [] }));
    }));

  test(`${name}: answers every operation with the id of the request, and never with a 5xx`, () =>
    owned(async (face) => {
      for (const request of requests) {
        const answer = await face.handle(request);
        assert.ok(answer.status < 500, `${answer.status} to ${request.path}`);
        if (requestIdHeader !== null) assert.equal(answer.headers[requestIdHeader], request.id);
      }
    }));

  test(`${name}: answers mutated requests with 2xx to 4xx, and repeats no value in an error`, () =>
    owned(async (face) => {
      const mutated = fc.tuple(fc.constantFrom(...requests), mutation);
      await fc.assert(
        fc.asyncProperty(mutated, async ([request, mutate]) => {
          const answer = await face.handle(mutate(request));
          assert.ok(answer.status >= 200 && answer.status < 500, `${answer.status}: ${textOf(answer)}`);
          if (answer.status >= 400) assert.ok(!textOf(answer).includes(value), 'an error repeats the value');
        }),
        { numRuns: tested.runs ?? 300 },
      );
    }));
}

export function textOf({ body }: FaceResponse): string {
  return typeof body === 'string' ? body : Buffer.from(body).toString('latin1');
}

type Mutation = (request: FaceRequest) => FaceRequest;

const viaBody = (change: (body: Buffer) => Uint8Array): Mutation => {
  return (request) => ({ ...request, body: change(Buffer.from(request.body)) });
};
const viaMethod = (method: string): Mutation => {
  return (request) => ({ ...request, method });
};
const viaPath = (path: string): Mutation => {
  return (request) => ({ ...request, path });
};
const viaHeaders = (at: number): Mutation => {
  return (request) => ({ ...request, headers: without(request.headers, at) });
};

/** What a broken, careless or hostile client sends instead. */
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => viaBody(() => bytes)),
  fc.json({ maxDepth: 6 }).map((json) => viaBody(() => Buffer.from(json))),
  fc.integer({ min: 1, max: 60_000 }).map((depth) => viaBody(() => Buffer.from('['.repeat(depth)))),
  fc.integer({ min: 1, max: 5_000 }).map((depth) => viaBody(() => nested(depth))),
  fc.nat().map((at) => viaBody((body) => body.subarray(0, body.length === 0 ? 0 : at % body.length))),
  fc.tuple(fc.nat(), fc.nat(255)).map(([at, byte]) => viaBody((body) => flipped(body, at, byte))),
  fc.tuple(fc.nat(), anyJson()).map(([at, json]) => viaBody((body) => withMember(body, at, json))),
  fc.tuple(fc.string(), anyJson()).map(([key, json]) => viaBody((body) => withMember(body, key, json))),
  fc.constantFrom('GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH').map(viaMethod),
  fc.webPath().map(viaPath),
  fc.nat().map(viaHeaders),
);

function anyJson(): fc.Arbitrary<unknown> {
  const odd = ['', ' ', '\0', '\ud800', '__proto__', 'a'.repeat(3_000), 'arn:', '-1', '🦊'.repeat(50)];
  return fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom<unknown>(...odd, 0, -1, 1e308, 2 ** 53, 0.5, true, null, [], {}, [[]], [null], [{}]),
    fc.string({ unit: 'binary', maxLength: 600 }),
    fc.array(fc.string(), { maxLength: 120 }),
  );
}

function nested(depth: number): Buffer {
  return Buffer.from(`{"a":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`);
}

function flipped(body: Buffer, at: number, byte: number): Uint8Array {
  if (body.length > 0) body[at % body.length] = byte;
  return body;
}

/** Another value for the nth member of a JSON body, or a further member. */
function withMember(body: Buffer, which: number | string, json: unknown): Uint8Array {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8'));
  } catch {
    return body;
  }
  const keys = Object.keys(parsed as object);
  const key = typeof which === 'string' ? which : (keys[which % Math.max(1, keys.length)] ?? 'none');
  return Buffer.from(JSON.stringify({ ...(parsed as object), [key]: json }));
}

function without<T>(items: readonly T[], at: number): readonly T[] {
  return items.filter((_, index) => index !== at % Math.max(1, items.length));
}

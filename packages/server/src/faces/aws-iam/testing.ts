import assert from 'node:assert/strict';
import { type Caller, RekeyError } from '@rekey/core';
import { openService, ROOT, type TestService } from '../../service/testing.ts';
import type { Face, FaceRequest, FaceResponse } from '../face.ts';
import { awsIamFace } from './index.ts';

/** A parsed element: text, or members by name; `member` elements are a list. */
export type Parsed = string | readonly Parsed[] | { readonly [name: string]: Parsed };
/** Loosely typed for tests, which know what they asked for. */
// biome-ignore lint/suspicious/noExplicitAny: an answer has the shape its operation has
export type Answer = any;

/** What a request sends: texts, numbers, flags, lists and structures of them. */
export type Parameter = string | number | boolean | readonly Parameter[] | { readonly [name: string]: Parameter };
export type Parameters = Readonly<Record<string, Parameter>>;

/** The face over real use cases, spoken to in plain records. */
export interface TestFace extends TestService {
  readonly face: Face;
  /** The result of an operation that succeeds. */
  call(action: string, parameters?: Parameters): Promise<Answer>;
  /** What an operation is refused with. */
  refusal(action: string, parameters?: Parameters): Promise<Refusal>;
}

export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly text: string;
}

export const TRUST = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { AWS: '000000000000' }, Action: 'sts:AssumeRole' }],
});

/** A policy that allows reading one secret. */
export function readPolicyOf(secret: string): string {
  const Resource = `arn:aws:secretsmanager:us-east-1:000000000000:secret:${secret}-??????`;
  const statement = { Sid: 'Read', Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource };
  return JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
}

/** @param asker who has signed the requests; root if left out */
export async function openFace(asker: Partial<Caller> = {}): Promise<TestFace> {
  const opened = await openService();
  const face = awsIamFace({
    service: opened.service,
    authenticate: (request) => {
      if (request.headers.some(([name]) => name === 'authorization'))
        return { ...ROOT, ...asker, requestId: request.id };
      throw new RekeyError('unauthenticated', 'Missing Authentication Token', { reason: 'missing-authentication' });
    },
    refused: (request, action, error) => {
      const { remoteAddress: address, id: requestId } = request;
      return opened.service.cases.refuse(
        { action, principal: 'anonymous', accessKeyId: null, address, requestId },
        error,
      );
    },
  });
  return {
    ...opened,
    face,
    call: async (action, parameters = {}) => {
      const answer = await face.handle(requestOf(action, parameters));
      assert.equal(answer.status, 200, `${action}: ${String(answer.body)}`);
      const response = parseXml(String(answer.body)) as Answer;
      return response[`${action}Response`][`${action}Result`] ?? null;
    },
    refusal: async (action, parameters = {}) => refusalOf(await face.handle(requestOf(action, parameters))),
  };
}

let requests = 0;

/** A signed request as SDKs send it. */
export function requestOf(action: string, parameters: Parameters): FaceRequest {
  requests += 1;
  const fields = [`Action=${action}`, 'Version=2010-05-08', ...flatten('', parameters)];
  return {
    id: `request-${requests}`,
    method: 'POST',
    path: '/',
    query: '',
    headers: [
      ['host', 'localhost'],
      ['authorization', 'AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/iam/aws4_request, Signature=x'],
      ['content-type', 'application/x-www-form-urlencoded; charset=utf-8'],
    ],
    body: Buffer.from(fields.join('&')),
    remoteAddress: '127.0.0.1',
    secure: false,
  };
}

function flatten(prefix: string, parameters: Parameters): readonly string[] {
  return Object.entries(parameters).flatMap(([name, value]) => {
    if (Array.isArray(value) && value.length === 0) return [`${prefix}${name}=`];
    if (Array.isArray(value))
      return value.flatMap((item, at) => flatten(`${prefix}${name}.member.`, { [at + 1]: item }));
    if (typeof value === 'object') return flatten(`${prefix}${name}.`, value as Parameters);
    return [`${prefix}${name}=${encodeURIComponent(String(value))}`];
  });
}

export function refusalOf({ status, body }: FaceResponse): Refusal {
  const { ErrorResponse } = parseXml(String(body)) as Answer;
  return { status, code: ErrorResponse.Error.Code, text: ErrorResponse.Error.Message };
}

/** Reads the XML that our own writer makes; anything else fails the test. */
export function parseXml(xml: string): Parsed {
  const tokens = xml.match(/<[^>]+>|[^<]+/g) ?? [];
  let at = 0;
  const readContent = (): Parsed => {
    const members: [string, Parsed][] = [];
    let text = '';
    while (at < tokens.length && !tokens[at]!.startsWith('</')) {
      const token = tokens[at++]!;
      const name = /^<(\w+)/.exec(token)?.[1];
      if (name === undefined) text += unescapeXml(token);
      else {
        members.push([name, readContent()]);
        assert.equal(tokens[at++], `</${name}>`);
      }
    }
    if (members.length === 0) return text;
    return members[0]![0] === 'member' ? members.map(([, member]) => member) : Object.fromEntries(members);
  };
  return readContent();
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#xD': '\r' };

function unescapeXml(text: string): string {
  return text.replace(/&(#?\w+);/g, (_, name: string) => ENTITIES[name] ?? assert.fail(`entity ${name}`));
}

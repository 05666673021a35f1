import { messageOf, RekeyError } from '@rekey/core';
import { coversAction } from './actions.ts';
import type { PolicyKind } from './condition-keys.ts';
import { countedSize, LARGEST_TEXT } from './limits.ts';
import { Place, type PolicyProblem, quoted } from './problems.ts';
import { repeatedMembers } from './repeated-members.ts';
import { isObject, listOf } from './shape.ts';
import { parseStatement, type Statement } from './statement.ts';

export type { PolicyKind } from './condition-keys.ts';
export type { PolicyProblem } from './problems.ts';

/** `2008-10-17`, also where a document says nothing, knows no variables. */
export type PolicyVersion = '2008-10-17' | '2012-10-17';

/** Actions remembered per document; more only come from somebody who asks about actions that do not exist. */
const MOST_REMEMBERED = 256;

/** A policy document that has been read, checked and prepared; as good as immutable. */
export class PolicyDocument {
  readonly kind: PolicyKind;
  readonly version: PolicyVersion;
  readonly id: string | null;
  readonly statements: readonly Statement[];
  readonly #byAction = new Map<string, readonly Statement[]>();

  constructor(kind: PolicyKind, version: PolicyVersion, id: string | null, statements: readonly Statement[]) {
    this.kind = kind;
    this.version = version;
    this.id = id;
    this.statements = statements;
  }

  /** The statements that are about an action, in their order; worked out once per action. */
  about(action: string): readonly Statement[] {
    const known = this.#byAction.get(action);
    if (known !== undefined) return known;
    const folded = action.toLowerCase();
    const found = this.statements.filter((statement) => coversAction(statement.actions, folded));
    if (this.#byAction.size >= MOST_REMEMBERED) this.#byAction.clear();
    this.#byAction.set(action, found);
    return found;
  }
}

export interface PolicyOptions {
  readonly kind: PolicyKind;
  /** Largest size in characters (`LARGEST_POLICY`); IAM's kinds are counted without white space. */
  readonly largest?: number;
}

export type ParsedPolicy =
  | { readonly policy: PolicyDocument; readonly problems: null }
  | { readonly policy: null; readonly problems: readonly PolicyProblem[] };

/**
 * Reads a policy document. Never throws: whatever is given, the answer is a document or what is wrong with it.
 *
 * Source: IAM User Guide, "Grammar of the IAM JSON policy language". Stricter than AWS where AWS would let a mistake
 * pass silently: unknown members, operators and condition keys are refused when written, not ignored when asked.
 *
 * @param input JSON text, or the value it stands for
 */
export function parsePolicy(input: unknown, options: PolicyOptions): ParsedPolicy {
  const place = Place.root();
  const written = parseJson(typeof input === 'string' ? input : jsonOf(input), options, place);
  const policy = place.problems.length > 0 ? null : parseDocument(written, options.kind, place);
  return policy === null || place.problems.length > 0
    ? { policy: null, problems: place.problems }
    : { policy, problems: null };
}

/**
 * Reads a policy document that must be one.
 *
 * @throws RekeyError `invalid-input`, reason `malformed-policy-document`; the message tells the first problem
 */
export function readPolicy(input: unknown, options: PolicyOptions): PolicyDocument {
  const { policy, problems } = parsePolicy(input, options);
  if (policy !== null) return policy;
  throw new RekeyError('invalid-input', `The policy document is malformed: ${describeProblems(problems)}`, {
    reason: 'malformed-policy-document',
    facts: { path: problems[0]?.path ?? '' },
  });
}

/** The first problem, and how many more there are. */
export function describeProblems(problems: readonly PolicyProblem[]): string {
  const [first] = problems;
  if (first === undefined) return '';
  const where = first.path === '' ? '' : `at ${first.path}: `;
  return `${where}${first.sentence}${problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''}`;
}

function parseJson(text: string, options: PolicyOptions, place: Place): unknown {
  if (text.length > LARGEST_TEXT || isTooLarge(text, options)) {
    return place.refuse(`The document is longer than the ${options.largest ?? LARGEST_TEXT} characters it may have.`);
  }
  try {
    const value: unknown = JSON.parse(text);
    for (const path of repeatedMembers(text))
      place.refuse(`The member ${quoted(path)} occurs twice; which of them counts would be anybody's guess.`);
    return value;
  } catch (error) {
    return place.refuse(`The document is no JSON: ${syntaxOf(error)}.`);
  }
}

/** The text of a value; empty, hence refused, for what has none (cycles, functions). */
function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return '';
  }
}

/** Where the parser stopped, or at what; its own message quotes the text, which may be long. */
function syntaxOf(error: unknown): string {
  const message = messageOf(error);
  const [, place, character] = /(at position \d+)|^Unexpected token '(.+?)',/su.exec(message) ?? [];
  if (place !== undefined) return place;
  if (character !== undefined) return `${quoted(character)} stands where it cannot`;
  return message.startsWith('Unexpected end') ? 'it ends too early or is empty' : 'it has another form';
}

function isTooLarge(text: string, { kind, largest }: PolicyOptions): boolean {
  if (largest === undefined || text.length <= largest) return false;
  return kind === 'resource' || countedSize(text) > largest;
}

function parseDocument(written: unknown, kind: PolicyKind, place: Place): PolicyDocument | null {
  if (!isObject(written)) return place.refuse('A policy document is an object with Version and Statement.');
  for (const name of Object.keys(written)) {
    if (name !== 'Version' && name !== 'Id' && name !== 'Statement') {
      place.refuse(`A policy document has no member ${quoted(name)}; it has Version, Id, Statement.`);
    }
  }
  const version = parseVersion(written.Version, place.member('Version'));
  const id = parseId(written.Id, kind, place.member('Id'));
  const statements = parseStatements(written.Statement, kind, version === '2012-10-17', place.member('Statement'));
  return version === null ? null : new PolicyDocument(kind, version, id, statements);
}

function parseVersion(version: unknown, place: Place): PolicyVersion | null {
  if (version === undefined) return '2008-10-17';
  if (version === '2008-10-17' || version === '2012-10-17') return version;
  return place.refuse('Version is "2012-10-17", or "2008-10-17" for a policy without variables.');
}

function parseId(id: unknown, kind: PolicyKind, place: Place): string | null {
  if (id === undefined) return null;
  if (kind !== 'resource' && kind !== 'trust')
    return place.refuse('Id belongs to policies of resources; leave it out.');
  return typeof id === 'string' ? id : place.refuse('Id is a string.');
}

function parseStatements(written: unknown, kind: PolicyKind, variables: boolean, place: Place): Statement[] {
  const items = written === undefined ? [] : listOf(written);
  if (items.length === 0) place.refuse('A policy document needs at least one statement.');
  const statements: Statement[] = [];
  const sids = new Set<string>();
  for (const [index, item] of items.entries()) {
    const here = Array.isArray(written) ? place.item(index) : place;
    const statement = parseStatement(item, index, { kind, variables }, here);
    if (statement === null) continue;
    if (statement.sid !== null && sids.has(statement.sid))
      here.member('Sid').refuse(`Another statement has the Sid ${quoted(statement.sid)} too.`);
    if (statement.sid !== null) sids.add(statement.sid);
    statements.push(statement);
  }
  return statements;
}

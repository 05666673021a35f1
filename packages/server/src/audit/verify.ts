import { createPublicKey, type KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RekeyError } from '@rekey/core';
import { type ChainHead, EMPTY_CHAIN, isTornLine } from './chain.ts';
import { ChainReader } from './chain-reader.ts';
import { type Checkpoint, isGenuine, keyFingerprint, readCheckpoint } from './checkpoint.ts';
import { CHECKPOINTS, listLineFiles, listSetAside, PUBLIC_KEY } from './folder.ts';
import { readLines } from './line-reader.ts';
import { type AuditProblem, type AuditReport, summarise } from './report.ts';

export interface AuditVerification {
  /** The audit folder, or a copy of it. Nothing in it is written. */
  readonly folder: string;
  /** Of the checkpoints, PEM (SPKI) or a key; the folder's own `public-key.pem` if not given, which proves less. */
  readonly publicKey?: string | KeyObject;
  /** The checkpoint that the store keeps: with it a tail cut off together with its checkpoints is seen. */
  readonly storedCheckpoint?: Checkpoint | null;
}

const PROBLEM_LIMIT = 100;
const STORE = 'the store';

/**
 * Checks a whole audit log offline: every line's hash, every link, every checkpoint's signature.
 *
 * @throws RekeyError `not-found` if folder or key cannot be read.
 */
export async function verifyAudit(verification: AuditVerification): Promise<AuditReport> {
  const { folder } = verification;
  if (!existsSync(folder)) throw folderMissing(verification);
  const publicKey = readPublicKey(verification);
  const found = readCheckpoints(folder, verification.storedCheckpoint ?? null);
  const problems = found.checkpoints.flatMap((signed) => forgery(signed, publicKey) ?? []).concat(found.problems);
  const genuine = found.checkpoints.filter((signed) => forgery(signed, publicKey) === null);
  const chain = await readChain(folder, new Set(genuine.map(({ checkpoint }) => checkpoint.sequence)));
  problems.unshift(...chain.problems);
  for (const signed of genuine) problems.push(...contradictions(signed, chain));
  for (const name of listSetAside(folder)) problems.push(setAside(name));
  return buildReport(chain, genuine, problems);
}

interface FoundCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly file: string;
  readonly line: number | null;
}

function readCheckpoints(folder: string, stored: Checkpoint | null) {
  const checkpoints: FoundCheckpoint[] = [];
  const problems: AuditProblem[] = [];
  const lines = readTextIfThere(join(folder, CHECKPOINTS)).split('\n');
  // What stands behind the last newline was torn by a crash or is being written.
  for (const [at, text] of lines.slice(0, -1).entries()) {
    const checkpoint = readCheckpoint(text);
    if (checkpoint !== null) checkpoints.push({ checkpoint, file: CHECKPOINTS, line: at + 1 });
    else
      problems.push({
        kind: 'forged-checkpoint',
        file: CHECKPOINTS,
        line: at + 1,
        sequence: null,
        sentence: 'this is no checkpoint',
      });
  }
  if (stored !== null) checkpoints.push({ checkpoint: stored, file: STORE, line: null });
  return { checkpoints, problems };
}

function forgery({ checkpoint, file, line }: FoundCheckpoint, publicKey: KeyObject): AuditProblem | null {
  if (isGenuine(checkpoint, publicKey)) return null;
  const otherKey = checkpoint.key !== keyFingerprint(publicKey);
  const sentence = otherKey
    ? `the checkpoint is signed by another key (${checkpoint.key})`
    : 'the signature of the checkpoint is false';
  return { kind: 'forged-checkpoint', file, line, sequence: checkpoint.sequence, sentence };
}

interface Chain {
  readonly reader: ChainReader;
  readonly files: readonly string[];
  readonly problems: readonly AuditProblem[];
  readonly notes: readonly string[];
}

async function readChain(folder: string, wanted: ReadonlySet<number>): Promise<Chain> {
  const reader = new ChainReader(wanted);
  const files = listFiles(folder);
  const notes: string[] = [];
  for (const [at, file] of files.entries()) {
    const rest = await readLines(join(folder, file), (line, number) => reader.read(line, file, number));
    if (rest.bytes.length === 0) continue;
    const isLast = at === files.length - 1;
    if (isLast && isTornLine(rest.bytes, reader.head))
      notes.push(`${file} ends in a line torn by a crash, or being written now`);
    else reader.refuse('malformed', file, rest.number, 'the line has no end and is not what a crash leaves');
  }
  notes.push(...reader.notes);
  return { reader, files, problems: reader.problems(), notes };
}

/** What a checkpoint says that the lines deny. */
function contradictions({ checkpoint, file, line }: FoundCheckpoint, { reader, files }: Chain): AuditProblem[] {
  const { sequence, hash } = checkpoint;
  const signedBy = `the checkpoint in ${file === STORE ? STORE : `${file} line ${line}`}`;
  if (sequence > reader.lastSequence) {
    const sentence = `the log ends at ${reader.lastSequence}, but ${signedBy} says that it reached ${sequence}`;
    return [
      { kind: 'truncated', file: files.at(-1) ?? CHECKPOINTS, line: null, sequence: reader.lastSequence + 1, sentence },
    ];
  }
  const found = reader.hashes.get(sequence);
  if (found === undefined || found.hash === hash) return [];
  const sentence = `line ${sequence} is not the one that ${signedBy} signed`;
  return [{ kind: 'rewritten', file: found.file, line: found.line, sequence, sentence }];
}

function setAside(name: string): AuditProblem {
  const sentence = 'an earlier chain was found broken when the server started and was set aside here';
  return { kind: 'set-aside', file: name, line: null, sequence: null, sentence };
}

function buildReport(
  chain: Chain,
  genuine: readonly FoundCheckpoint[],
  problems: readonly AuditProblem[],
): AuditReport {
  const { reader } = chain;
  const proving = genuine.filter(({ checkpoint }) => isProven(checkpoint, reader)).map(({ checkpoint }) => checkpoint);
  const last = proving.reduce<Checkpoint | null>(
    (best, one) => (best === null || one.sequence > best.sequence ? one : best),
    null,
  );
  const report = {
    sound: problems.length === 0,
    files: chain.files.length,
    lines: reader.lines,
    firstSequence: reader.firstSequence,
    lastSequence: reader.lines === 0 ? null : reader.lastSequence,
    provenUpTo: last?.sequence ?? 0,
    provenAt: last === null ? null : new Date(last.time).toISOString(),
    chainedUpTo: reader.chainedUpTo,
    problems: problems.slice(0, PROBLEM_LIMIT),
    problemCount: problems.length,
    notes: chain.notes,
  };
  return { ...report, sentence: summarise(report) };
}

function isProven(head: ChainHead, reader: ChainReader): boolean {
  const isFirst = head.sequence === 0 && head.hash === EMPTY_CHAIN.hash;
  return isFirst || (head.sequence <= reader.chainedUpTo && reader.hashes.get(head.sequence)?.hash === head.hash);
}

function readPublicKey({ folder, publicKey }: AuditVerification): KeyObject {
  if (publicKey !== undefined && typeof publicKey !== 'string') return publicKey;
  try {
    return createPublicKey(publicKey ?? readFileSync(join(folder, PUBLIC_KEY), 'utf8'));
  } catch (error) {
    const sentence = `The public key of the audit log ${folder} cannot be read; name the file it is in.`;
    throw new RekeyError('not-found', sentence, { reason: 'audit-key-missing', cause: error });
  }
}

/** A log that never was, or stands elsewhere, is told from one that the store remembers. */
function folderMissing({ folder, storedCheckpoint }: AuditVerification): RekeyError {
  if (storedCheckpoint == null)
    return new RekeyError('not-found', `There is no audit log at ${folder}: name the folder it is in.`, {
      reason: 'audit-folder-missing',
    });
  const { sequence } = storedCheckpoint;
  return new RekeyError(
    'integrity',
    `The audit log at ${folder} was removed: the store holds the signed head of a chain of ${sequence} entries. Put it back from a copy; nothing proves what was in it.`,
    { reason: 'audit-folder-removed' },
  );
}

function listFiles(folder: string): string[] {
  try {
    return listLineFiles(folder);
  } catch (error) {
    const sentence = `The audit folder ${folder} cannot be read; name the folder that holds audit-….jsonl.`;
    throw new RekeyError('not-found', sentence, { reason: 'audit-folder-missing', cause: error });
  }
}

function readTextIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { openForWriting } from './connection.ts';
import { GroupCommit } from './group-commit.ts';
import type { WriterAnswer, WriterMessage, WriterSettings } from './writer.ts';

/** Most jobs in one transaction: bounds how long the first of them waits for the last. */
const GROUP = 256;

/** The one thread that writes. While it waits for the disk, jobs gather; the next transaction takes all of them. */
function run(port: MessagePort, { file, maximumBytes }: WriterSettings): void {
  const db = openForWriting(file, maximumBytes);
  const group = new GroupCommit(db, file);
  port.on('message', (first: WriterMessage) => {
    const messages = gather(port, first);
    const jobs = messages.filter((message) => message !== 'close');
    if (jobs.length > 0) {
      const outcomes = group.perform(jobs.map(({ job }) => job));
      port.postMessage(jobs.map(({ id }, at): WriterAnswer => ({ id, outcome: outcomes[at]! })));
    }
    if (jobs.length === messages.length) return;
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    db.close();
    port.close();
  });
}

function gather(port: MessagePort, first: WriterMessage): readonly WriterMessage[] {
  const messages = [first];
  while (messages.length < GROUP) {
    const next = receiveMessageOnPort(port) as { message: WriterMessage } | undefined;
    if (next === undefined) break;
    messages.push(next.message);
  }
  return messages;
}

run(parentPort!, workerData as WriterSettings);

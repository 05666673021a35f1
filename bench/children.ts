import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** A server in a process of its own, so that its CPU and memory can be read apart from the load generator's. */
export interface MeasuredServer {
  readonly port: number;
  readonly processId: number;
  /** CPU microseconds (user and system) spent since the start of the process. */
  cpu(): Promise<number>;
  /** Resident memory in bytes. */
  memory(): Promise<number>;
  /** Asks the child to do something of its own; resolves with its answer. */
  ask(question: string, input?: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts a child that calls {@link serveMeasured}. */
export async function startMeasured(file: string, setup: unknown): Promise<MeasuredServer> {
  const child = fork(new URL(file, import.meta.url), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: ['--conditions=source'],
  });
  const ready = (await ask(child, 'start', setup)) as { port: number };
  return {
    port: ready.port,
    processId: child.pid ?? 0,
    cpu: async () => Number(await ask(child, 'cpu')),
    memory: async () => Number(await ask(child, 'memory')),
    ask: (question, input) => ask(child, question, input),
    async stop() {
      if (child.exitCode !== null) return;
      const ended = once(child, 'exit');
      child.send({ id: 0, question: 'stop' });
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(timer);
    },
  };
}

let nextId = 1;

function ask(child: ChildProcess, question: string, input?: unknown): Promise<unknown> {
  const id = nextId++;
  return new Promise((resolve, reject) => {
    const hear = (answer: { id: number; answer?: unknown; error?: string }) => {
      if (answer.id !== id) return;
      child.off('message', hear);
      if (answer.error === undefined) resolve(answer.answer);
      else reject(new Error(answer.error));
    };
    child.on('message', hear);
    child.once('exit', (code) => reject(new Error(`the measured process ended with ${code}`)));
    child.send({ id, question, input });
  });
}

type Answers = Readonly<Record<string, (input: unknown) => unknown>>;

/** The child's side: answers questions by name until it is told to stop. */
export function serveMeasured(answers: Answers & { stop(): Promise<void> | void }): void {
  process.on('message', async ({ id, question, input }: { id: number; question: string; input: unknown }) => {
    if (question === 'stop') {
      await answers.stop();
      process.exit(0);
    }
    try {
      process.send?.({ id, answer: await answer(answers, question, input) });
    } catch (error) {
      process.send?.({ id, error: error instanceof Error ? error.message : String(error) });
    }
  });
}

function answer(answers: Answers, question: string, input: unknown): unknown {
  if (question === 'cpu') {
    const { user, system } = process.cpuUsage();
    return user + system;
  }
  if (question === 'memory') return process.memoryUsage.rss();
  const known = answers[question];
  if (known === undefined) throw new Error(`the measured process does not know "${question}"`);
  return known(input);
}

import type { Options } from './options.ts';
import { count, type LatencyFigures, pair, seconds } from './summary.ts';

/** What there is to see at one moment. */
export interface View {
  readonly options: Options;
  readonly port: number;
  /** Since the application began. */
  readonly seconds: number;
  readonly version: string;
  readonly username: string;
  /** Where the running rotation stands; null while none runs. */
  readonly rotation: string | null;
  readonly nextInSeconds: number | null;
  readonly rotations: number;
  readonly queries: number;
  readonly failedQueries: number;
  readonly lastFailure: string | null;
  /** Age of the oldest credential that PostgreSQL still accepts. */
  readonly oldestSeconds: number;
  readonly outside: LatencyFigures;
  readonly inside: LatencyFigures;
  /** Single-user: the longest so far. */
  readonly switchWindowSeconds: number | null;
}

/** Where the demonstration is shown. */
export interface Display {
  /** Something happened that is worth a line of its own. */
  event(line: string): void;
  update(view: View): void;
  /** Leaves the last state on the screen. */
  end(): void;
}

/** Rows of the live screen. */
export function rows(view: View): string[] {
  const { options } = view;
  const window = view.switchWindowSeconds;
  return [
    `rekey rotates a PostgreSQL password every ${options.every / 1000} s (${options.strategy}, overlap ${options.overlap / 1000} s${options.chaos ? ', chaos' : ''}) on 127.0.0.1:${view.port}`,
    '',
    row('version in use', `${view.version}  role ${view.username}`),
    row('rotation', view.rotation ?? `none running${nextText(view.nextInSeconds)}`),
    row('rotations done', count(view.rotations)),
    row('queries', `${count(view.queries)}  (${rate(view)} a second)`),
    row(
      'failed queries',
      `${count(view.failedQueries)}${view.lastFailure === null ? '' : `  (last: ${view.lastFailure})`}`,
    ),
    row('oldest credential accepted', `${seconds(view.oldestSeconds)} old`),
    ...(options.strategy === 'single-user' ? [row('longest switch window', seconds(window))] : []),
    row('latency p50 / p99', `${pair(view.outside)} outside rotations, ${pair(view.inside)} inside`),
  ];
}

/** The same in one line, where nothing can be redrawn. */
export function plainLine(view: View): string {
  const rotation = view.rotation ?? 'none running';
  return `version ${view.version.slice(0, 8)} (${view.username}), rotation ${rotation}, ${count(view.rotations)} done, ${count(view.queries)} queries, ${count(view.failedQueries)} failed, oldest credential ${seconds(view.oldestSeconds)}`;
}

function row(name: string, text: string): string {
  return `  ${name.padEnd(28)}${text}`;
}

function nextText(inSeconds: number | null): string {
  return inSeconds === null ? '' : `, next in ${Math.ceil(inSeconds)} s`;
}

function rate(view: View): string {
  return view.seconds < 1 ? '–' : count(Math.round(view.queries / view.seconds));
}

const EVENTS_SHOWN = 6;

/** Redraws in place; the last events stand below the figures. */
export function terminalDisplay(stream: { write(text: string): unknown; readonly columns?: number }): Display {
  const events: string[] = [];
  let height = 0;
  const draw = (lines: readonly string[]) => {
    const width = (stream.columns ?? 80) - 1;
    const up = height > 0 ? `\u001b[${height}A` : '';
    stream.write(`${up}\u001b[J${lines.map((line) => `${line.slice(0, width)}\n`).join('')}`);
    height = lines.length;
  };
  return {
    event(line) {
      if (height === 0) stream.write(`${line}\n`);
      else events.push(line);
      if (events.length > EVENTS_SHOWN) events.shift();
    },
    update: (view) =>
      draw([...rows(view), '', ...events.map((line) => `  ${line}`), '', 'Ctrl-C stops and removes everything.']),
    end: () => {
      height = 0;
    },
  };
}

const LINE_EVERY_SECONDS = 5;

/** A line per event, and one about the state every few seconds. */
export function plainDisplay(stream: { write(text: string): unknown }): Display {
  let nextLineAt = LINE_EVERY_SECONDS;
  return {
    event: (line) => void stream.write(`${line}\n`),
    update(view) {
      if (view.seconds < nextLineAt) return;
      nextLineAt += LINE_EVERY_SECONDS;
      stream.write(`${Math.round(view.seconds)} s: ${plainLine(view)}\n`);
    },
    end: () => {},
  };
}

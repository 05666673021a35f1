import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What the operating system says of one process, threads included. */
export interface ProcessFigures {
  /** CPU seconds (user and system) since it began. */
  readonly cpuSeconds: number;
  /** Resident memory in bytes. */
  readonly residentBytes: number;
}

/** Ticks of /proc; fixed at 100 a second for every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Asked from outside, so that the process under measurement runs as its users run it and does nothing for us. */
export function processFigures(processId: number): ProcessFigures {
  return process.platform === 'linux' ? fromProc(processId) : fromPs(processId);
}

function fromProc(processId: number): ProcessFigures {
  const text = readFileSync(`/proc/${processId}/stat`, 'utf8');
  // The second field is the program's name in parentheses and may hold spaces; user and system time are 14 and 15.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${processId}/status`, 'utf8'));
  return { cpuSeconds: ticks / TICKS_PER_SECOND, residentBytes: Number(resident?.[1]) * 1024 };
}

function fromPs(processId: number): ProcessFigures {
  const [resident = '', time = ''] = execFileSync('ps', ['-o', 'rss=,time=', '-p', String(processId)])
    .toString()
    .trim()
    .split(/\s+/);
  const cpuSeconds = time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
  return { cpuSeconds, residentBytes: Number(resident) * 1024 };
}

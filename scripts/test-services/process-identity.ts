import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/**
 * When a process started, as text that is only good for comparing: together with the process id it names one process
 * for good, while the id alone is handed out again. `null` when there is no such process.
 */
export function processStart(processId: number): string | null {
  return process.platform === 'linux' ? startOnLinux(processId) : startFromPs(processId);
}

function startOnLinux(processId: number): string | null {
  try {
    const stat = readFileSync(`/proc/${processId}/stat`, 'latin1');
    // proc(5): the second field is the name in brackets and may hold anything, so count from the last bracket.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, start] = [fields[0], fields[19]];
    return state === 'Z' || start === undefined ? null : start;
  } catch {
    return null;
  }
}

function startFromPs(processId: number): string | null {
  const listed = spawnSync('ps', ['-o', 'lstart=', '-p', String(processId)], { encoding: 'utf8' });
  return listed.stdout?.trim() || null;
}

/** Ids of the processes whose command line contains the text, except our own. */
export function findProcesses(naming: string): number[] {
  const lines = process.platform === 'linux' ? commandLinesOnLinux() : commandLinesFromPs();
  return lines.filter(([id, line]) => line.includes(naming) && id !== process.pid).map(([id]) => id);
}

function commandLinesOnLinux(): [number, string][] {
  const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return ids.map((id) => {
    try {
      return [Number(id), readFileSync(`/proc/${id}/cmdline`, 'utf8').replaceAll('\0', ' ')];
    } catch {
      return [Number(id), ''];
    }
  });
}

function commandLinesFromPs(): [number, string][] {
  const listed = spawnSync('ps', ['-A', '-o', 'pid=,command='], { encoding: 'utf8' });
  return listed.stdout.split('\n').map((line) => [Number.parseInt(line, 10), line]);
}

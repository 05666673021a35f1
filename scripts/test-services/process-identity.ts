import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

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

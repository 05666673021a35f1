import { formatDuration, type RotationRule } from '@rekey/core';
import type { DeclarationPlan } from '../service/declaration/declarations.ts';
import type { Change, Detail } from '../service/declaration/difference.ts';
import { counted, printable } from './output.ts';

const SIGNS = { create: '+', change: '~', delete: '-' } as const;
const DURATIONS: ReadonlySet<string> = new Set(['overlap', 'retireWithin', 'soak']);
const VERBS = { create: 'to create', change: 'to change', delete: 'to delete' } as const;

/** What would change, one line a subject and one below it for each of its members; then the sum. */
export function describeChanges({ changes }: Pick<DeclarationPlan, 'changes'>): string {
  if (changes.length === 0) return 'Nothing to change: everything is as declared.';
  return [...changes.flatMap(describeChange), '', sum(changes)].join('\n');
}

function describeChange({ action, kind, name, details }: Change): readonly string[] {
  const lines = details.map((detail) => `    ${describeDetail(detail)}`);
  return [`${SIGNS[action]} ${kind} ${printable(name)}`, ...lines];
}

function describeDetail({ member, entry, before, after }: Detail): string {
  const named = printable(entry === null ? member : `${member} ${entry}`);
  if (after === true && before === undefined) return `+ ${named}`;
  if (after === undefined) return `- ${named}`;
  if (before === undefined) return `+ ${named}: ${show(member, after)}`;
  return `~ ${named}: ${show(member, before)} → ${show(member, after)}`;
}

function show(member: string, value: Detail['after']): string {
  if (value === null || value === undefined) return 'none';
  if (member === 'rule') return showRule(value as unknown as RotationRule);
  if (typeof value === 'number' && DURATIONS.has(member)) return formatDuration(value);
  if (typeof value === 'number' && member === 'maxSession') return formatDuration(value * 1000);
  return printable(typeof value === 'string' ? value : JSON.stringify(value));
}

function showRule(rule: RotationRule): string {
  if (rule.kind === 'manual') return 'only when asked';
  if (rule.kind === 'every') return `every ${formatDuration(rule.every)}`;
  const often = rule.kind === 'days' ? `every ${rule.days}d` : printable(rule.expression);
  return rule.duration === null ? often : `${often}, window ${printable(rule.duration)}`;
}

function sum(changes: readonly Change[]): string {
  const actions = ['create', 'change', 'delete'] as const;
  const counts = actions.map(
    (action) => [action, changes.filter((change) => change.action === action).length] as const,
  );
  const parts = counts.filter(([, count]) => count > 0).map(([action, count]) => `${count} ${VERBS[action]}`);
  return `${counted(changes.length, 'difference')}: ${parts.join(', ')}.`;
}

import { CURRENT, PENDING, PREVIOUS } from '@rekey/core';

const PAIRS = [
  ['AWSCURRENT', CURRENT],
  ['AWSPENDING', PENDING],
  ['AWSPREVIOUS', PREVIOUS],
] as const;

/** Both ways at once: whoever labels a version `current` through AWS's API means no more than `AWSCURRENT` does here. */
const SWAPPED: ReadonlyMap<string, string> = new Map(
  PAIRS.flatMap(([wire, own]) => [
    [wire, own],
    [own, wire],
  ]),
);

/**
 * The label of ours for a staging label of AWS's, and the other way round: one function, its own inverse. The three
 * labels that move by themselves change words; every other label is the same on both sides. A custom staging label
 * that looks like one of our words (`current`) is kept as AWS's word, so that none is ever taken for another.
 */
export function translateLabel(label: string): string {
  return SWAPPED.get(label) ?? label;
}

export function translateLabels(labels: readonly string[]): readonly string[] {
  return labels.map(translateLabel);
}

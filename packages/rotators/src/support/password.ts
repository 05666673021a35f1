import type { RandomSource } from '@rekey/core';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const LETTERS_AND_DIGITS = `${LETTERS}0123456789`;

/**
 * Characters of a new password. 32 of 62 symbols are 190 bits: far beyond guessing, and within every target's limit
 * (the shortest in the field is MySQL's 32 for replication accounts).
 */
export const PASSWORD_LENGTH = 32;

/**
 * A password of letters and digits only, so that it passes unquoted through URLs, shells, YAML, JDBC strings and
 * SASLprep; length buys the entropy that special characters would. It begins with a letter: YAML reads `1e5…` as a number.
 */
export function newPassword(random: RandomSource): string {
  const rest = Array.from({ length: PASSWORD_LENGTH - 1 }, () => LETTERS_AND_DIGITS[random.below(62)]);
  return [LETTERS[random.below(52)], ...rest].join('');
}

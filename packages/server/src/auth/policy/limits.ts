/**
 * Largest documents, in characters. Source: Secrets Manager and IAM quotas. IAM counts without white space and, for
 * inline policies, all of one user, group or role together; Secrets Manager counts the text as it is.
 */
export const LARGEST_POLICY = {
  managed: 6144,
  inlineOfUser: 2048,
  inlineOfGroup: 5120,
  inlineOfRole: 10_240,
  trust: 2048,
  session: 2048,
  resource: 20_480,
} as const;

/** No document of any kind is read beyond this (the longest text the IAM service model lets in). */
export const LARGEST_TEXT = 131_072;

/** Characters of a document as IAM counts them: white space is free. */
export function countedSize(text: string): number {
  return text.replace(/\s/g, '').length;
}

import type { SecretRecord } from '@rekey/core';

/** What a filter looks at. Source: AWS Secrets Manager, "Find secrets" and `Filter` of the API. */
export type FilterKey = 'description' | 'name' | 'tag-key' | 'tag-value' | 'primary-region' | 'owning-service' | 'all';

/** One value is enough; a leading `!` asks for secrets that the rest of the value does not match. */
export interface Filter {
  readonly key: FilterKey;
  readonly values: readonly string[];
}

/** Whether a secret passes all filters. Pure. */
export type SecretTest = (secret: SecretRecord) => boolean;

type Matcher = (value: string) => SecretTest;

const NONE: Matcher = () => () => false;

/**
 * Names, tags and the like match by their beginning, as written. Descriptions, and everything together, match by words
 * and in either case. Only what is replicated has a primary region (AWS); no secret here is another service's.
 */
const MATCHERS: Readonly<Record<FilterKey, Matcher>> = {
  name: (prefix) => (secret) => secret.name.startsWith(prefix),
  'tag-key': (prefix) => (secret) => tagsOf(secret).some(({ key }) => key.startsWith(prefix)),
  'tag-value': (prefix) => (secret) => tagsOf(secret).some(({ value }) => value.startsWith(prefix)),
  description: byWords((secret) => secret.description ?? ''),
  all: byWords(everythingSaid),
  'primary-region': (prefix) => (secret) => secret.replication?.primaryRegion.startsWith(prefix) ?? false,
  'owning-service': NONE,
};

/** Filters made ready to be asked of many secrets. Several filters all have to pass, also of the same key. */
export function secretTest(filters: readonly Filter[]): SecretTest {
  const tests = filters.map(({ key, values }) => anyOf(values.map((value) => valueTest(key, value))));
  return (secret) => tests.every((test) => test(secret));
}

/**
 * Words of a text in lower case. They end at everything that is no letter or digit, and where a lower-case letter is
 * followed by an upper-case one (`AppBeta` is two words, `ABC` one).
 */
export function wordsOf(text: string): readonly string[] {
  return text
    .replace(/(\p{Ll})(?=\p{Lu})/gu, '$1 ')
    .toLowerCase()
    .split(/[^\p{L}\p{M}\p{N}]+/u)
    .filter((word) => word !== '');
}

function valueTest(key: FilterKey, value: string): SecretTest {
  if (!value.startsWith('!')) return MATCHERS[key](value);
  const test = MATCHERS[key](value.slice(1));
  return (secret) => !test(secret);
}

function anyOf(tests: readonly SecretTest[]): SecretTest {
  return (secret) => tests.some((test) => test(secret));
}

/** Every word of the value must begin some word of the text; a value without words finds nothing. */
function byWords(textOf: (secret: SecretRecord) => string): Matcher {
  return (value) => {
    const sought = wordsOf(value);
    if (sought.length === 0) return () => false;
    return (secret) => {
      const words = wordsOf(textOf(secret));
      return sought.every((prefix) => words.some((word) => word.startsWith(prefix)));
    };
  };
}

function everythingSaid(secret: SecretRecord): string {
  const tags = tagsOf(secret).map(({ key, value }) => `${key}\n${value}`);
  return [secret.name, secret.description ?? '', ...tags].join('\n');
}

function tagsOf(secret: SecretRecord) {
  return secret.tags ?? [];
}

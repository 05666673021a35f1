import type { Filter } from '../../../service/filters.ts';
import type { InputTo } from '../operation.ts';
import { invalidParameter } from '../refusal.ts';

/** Filters of a listing, each with a key and values. */
export function readFilters(filters: InputTo<'ListSecrets'>['Filters']): readonly Filter[] {
  return (filters ?? []).map(({ Key, Values }) => {
    if (Key === undefined) throw invalidParameter('Invalid filter key');
    if (Values === undefined) throw invalidParameter(`Invalid filter values for key: ${Key}`);
    return { key: Key, values: Values };
  });
}

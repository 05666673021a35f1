import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compareText } from './list-range.ts';
import { SortedPlaces } from './sorted-places.ts';

const VALUE = fc.constantFrom(...'abcdefgh');
const ID = fc.nat({ max: 400 }).map(String);
const PLACE = fc.tuple(VALUE, ID).map(([value, id]) => ({ value, id }));
const BOUND = fc.option(fc.tuple(VALUE, fc.option(ID)).map(([value, id]) => ({ value, id })));

const compare = (a: { value: string; id: string | null }, b: { value: string; id: string | null }) =>
  compareText(a.value, b.value) || compareText(a.id ?? '', b.id ?? '');

describe('places in order', () => {
  it('are what a sorted list would hold, however many were added and removed, in every range and both directions', () => {
    const additions = fc.array(PLACE, { minLength: 1_500, maxLength: 3_000 });
    fc.assert(
      fc.property(
        additions,
        BOUND,
        BOUND,
        fc.boolean(),
        fc.nat({ max: 1_200 }),
        (added, lower, upper, descending, limit) => {
          const places = new SortedPlaces();
          const known = new Map<string, { value: string; id: string }>();
          added.forEach((place, turn) => {
            const isRemoved = turn % 3 === 2;
            if (isRemoved) places.remove(place);
            else places.add(place);
            if (isRemoved) known.delete(`${place.value}/${place.id}`);
            else known.set(`${place.value}/${place.id}`, place);
          });
          const sorted = [...known.values()].sort(compare);
          assert.deepEqual(places.all(), sorted);
          const inside = sorted.filter(
            (place) =>
              (lower === null || compare(place, lower) > 0 || (lower.id === null && place.value === lower.value)) &&
              (upper === null || compare(place, upper) < 0),
          );
          const wanted = (descending ? inside.reverse() : inside).slice(0, limit);
          assert.deepEqual(places.slice({ lower, upper }, descending, limit), wanted);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('are none once all are removed', () => {
    const places = new SortedPlaces();
    const all = Array.from({ length: 2_000 }, (_, number) => ({ value: String(number % 7), id: String(number) }));
    for (const place of all) places.add(place);
    for (const place of all) places.remove(place);
    assert.deepEqual(places.all(), []);
    assert.deepEqual(places.slice({ lower: null, upper: null }, true, 10), []);
  });
});

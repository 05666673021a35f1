import { compareText, type ListRange, type Place } from './list-range.ts';

interface RecordPlace {
  readonly value: string;
  readonly id: string;
}

/** Places in order of value, then id: an index of the memory driver. Adding costs a shift of what lies behind. */
export class SortedPlaces {
  readonly #places: RecordPlace[] = [];

  all(): readonly RecordPlace[] {
    return this.#places;
  }

  add(place: RecordPlace): void {
    const at = this.#firstNotBefore(place);
    if (this.#holds(at, place)) return;
    this.#places.splice(at, 0, place);
  }

  remove(place: RecordPlace): void {
    const at = this.#firstNotBefore(place);
    if (this.#holds(at, place)) this.#places.splice(at, 1);
  }

  slice(range: ListRange, descending: boolean, limit: number): readonly RecordPlace[] {
    const first = range.lower === null ? 0 : this.#firstInside(range.lower);
    const end = range.upper === null ? this.#places.length : this.#firstNotBefore(range.upper);
    if (!descending) return this.#places.slice(first, Math.min(end, first + limit));
    return this.#places.slice(Math.max(first, end - limit), Math.max(first, end)).reverse();
  }

  #firstInside(lower: Place): number {
    const at = this.#firstNotBefore(lower);
    return lower.id !== null && this.#holds(at, lower) ? at + 1 : at;
  }

  #firstNotBefore(place: Place): number {
    let low = 0;
    let high = this.#places.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (comparePlaces(this.#places[middle]!, place) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #holds(at: number, place: Place): boolean {
    const found = this.#places[at];
    return found !== undefined && comparePlaces(found, place) === 0;
  }
}

function comparePlaces(a: RecordPlace, b: Place): number {
  return compareText(a.value, b.value) || (b.id === null ? 1 : compareText(a.id, b.id));
}

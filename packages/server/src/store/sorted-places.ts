import { compareText, type ListRange, type Place } from './list-range.ts';

interface RecordPlace {
  readonly value: string;
  readonly id: string;
}

/** Where a place is, or would be: a block, and how far into it. */
interface Position {
  readonly block: number;
  readonly at: number;
}

/** Places in a block before it is halved: what an addition shifts at most, against blocks to be looked through. */
const BLOCK = 512;

/** Places in order of value, then id: an index of the memory driver. In blocks, so that adding shifts a few and not all. */
export class SortedPlaces {
  /** None is empty. */
  readonly #blocks: RecordPlace[][] = [];

  all(): readonly RecordPlace[] {
    return this.#blocks.flat();
  }

  add(place: RecordPlace): void {
    const position = this.#firstNotBefore(place);
    if (this.#holds(position, place)) return;
    const block = this.#blocks[position.block];
    if (block === undefined) this.#blocks.push([place]);
    else block.splice(position.at, 0, place);
    if (block !== undefined && block.length > BLOCK)
      this.#blocks.splice(position.block + 1, 0, block.splice(BLOCK / 2));
  }

  remove(place: RecordPlace): void {
    const position = this.#firstNotBefore(place);
    if (!this.#holds(position, place)) return;
    const block = this.#blocks[position.block]!;
    block.splice(position.at, 1);
    if (block.length === 0) this.#blocks.splice(position.block, 1);
  }

  slice(range: ListRange, descending: boolean, limit: number): readonly RecordPlace[] {
    const first = range.lower === null ? { block: 0, at: 0 } : this.#firstInside(range.lower);
    const end = range.upper === null ? { block: this.#blocks.length, at: 0 } : this.#firstNotBefore(range.upper);
    const found: RecordPlace[] = [];
    for (const part of this.#parts(first, end, descending)) {
      const room = limit - found.length;
      if (room <= 0) break;
      found.push(...(descending ? part.slice(-room).reverse() : part.slice(0, room)));
    }
    return found;
  }

  /** What of each block lies between the two; the last block first where it is read backwards. */
  *#parts(first: Position, end: Position, descending: boolean): Iterable<readonly RecordPlace[]> {
    const count = end.block - first.block + 1;
    for (let step = 0; step < count; step += 1) {
      const block = descending ? end.block - step : first.block + step;
      const from = block === first.block ? first.at : 0;
      yield this.#blocks[block]?.slice(from, block === end.block ? end.at : undefined) ?? [];
    }
  }

  #firstInside(lower: Place): Position {
    const position = this.#firstNotBefore(lower);
    return lower.id !== null && this.#holds(position, lower) ? { ...position, at: position.at + 1 } : position;
  }

  #firstNotBefore(place: Place): Position {
    const isNotBefore = (other: RecordPlace) => comparePlaces(other, place) >= 0;
    const block = Math.max(0, firstOf(this.#blocks, ([first]) => isNotBefore(first!)) - 1);
    const at = firstOf(this.#blocks[block] ?? [], isNotBefore);
    const isBehind = at > 0 && at === this.#blocks[block]?.length && block + 1 < this.#blocks.length;
    return isBehind ? { block: block + 1, at: 0 } : { block, at };
  }

  #holds({ block, at }: Position, place: Place): boolean {
    const found = this.#blocks[block]?.[at];
    return found !== undefined && comparePlaces(found, place) === 0;
  }
}

/** Index of the first for which it holds, where it holds for all that follow; the length if for none. */
function firstOf<T>(sorted: readonly T[], holds: (one: T) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(sorted[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function comparePlaces(a: RecordPlace, b: Place): number {
  return compareText(a.value, b.value) || (b.id === null ? 1 : compareText(a.id, b.id));
}

import type { AccessLink, CollectionName, Collections } from '../../store/collections.ts';
import type { Entry, Store, StoreWrite } from '../../store/store.ts';
import { type NamedKind, nameInArn } from './identifiers.ts';

/** Where users, groups, roles and policies are found by name, and how they and their names are written. */
export class AccessRecords {
  readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  /** By name, whatever its case; a policy by its ARN. */
  async find<K extends NamedKind>(kind: K, name: string): Promise<Entry<Collections[K]> | null> {
    return kind === 'policy' ? this.findByArn(kind, name) : this.findByName(kind, name);
  }

  async findByName<K extends NamedKind>(kind: K, name: string): Promise<Entry<Collections[K]> | null> {
    const named = await this.store.get('access-name', this.nameId(kind, name));
    return named === null ? null : this.store.get(kind, named.record.id);
  }

  /** By its whole ARN, path and all. */
  async findByArn<K extends NamedKind>(kind: K, arn: string): Promise<Entry<Collections[K]> | null> {
    const name = nameInArn(kind, arn);
    const found = name === null ? null : await this.findByName(kind, name);
    return found?.record.arn === arn ? found : null;
  }

  nameId(kind: NamedKind, name: string): string {
    return this.store.opaque(kind, name.toLowerCase());
  }

  /** What makes something new known by its name. */
  introduce<K extends NamedKind>(kind: K, record: Collections[K]): readonly StoreWrite[] {
    const { id, name } = record;
    return [write(kind, id, record, 0), write('access-name', this.nameId(kind, name), { id }, 0)];
  }

  /** What takes something away together with its name. */
  remove<K extends NamedKind>(kind: K, { id, revision, record }: Entry<Collections[K]>): readonly StoreWrite[] {
    return [write(kind, id, null, revision), write('access-name', this.nameId(kind, record.name), null)];
  }

  /** What gives something another name; a name that differs in case only is the same one. */
  rename(kind: NamedKind, id: string, from: string, to: string): readonly StoreWrite[] {
    const [before, after] = [this.nameId(kind, from), this.nameId(kind, to)];
    if (before === after) return [];
    return [write('access-name', before, null), write('access-name', after, { id }, 0)];
  }

  /** What links a group or policy to whom it concerns. */
  link(target: string, link: AccessLink): StoreWrite {
    return write('access-link', linkId(target, link), link);
  }

  unlink(target: string, link: AccessLink): StoreWrite {
    return write('access-link', linkId(target, link), null);
  }
}

/** A write of one record, typed by its collection. */
export function write<K extends CollectionName>(
  collection: K,
  id: string,
  record: Collections[K] | null,
  expect?: number,
): StoreWrite {
  return { collection, id, record, ...(expect === undefined ? {} : { expect }) } as StoreWrite;
}

/** A change of a record that was read before. */
export function rewrite<K extends CollectionName>(
  collection: K,
  { id, revision }: Entry<Collections[K]>,
  record: Collections[K],
): StoreWrite {
  return write(collection, id, record, revision);
}

function linkId(target: string, { kind, id }: AccessLink): string {
  return `${target}/${kind}/${id}`;
}

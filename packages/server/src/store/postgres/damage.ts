import type { Connections } from './connections.ts';

/** Sentences about what does not fit together in the tables; reads all of them, in one snapshot. */
export async function findPostgresDamage(connections: Connections): Promise<readonly string[]> {
  const { place, schema } = connections.address;
  return connections.alone(async (client) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await client.query(`SELECT set_config('search_path', $1, true)`, [schema]);
    const damage: string[] = [];
    for (const { what, sql } of QUESTIONS) {
      const { rows } = await client.query<{ count: number }>(`SELECT count(*) AS count FROM ${sql}`);
      const { count } = rows[0]!;
      if (count > 0)
        damage.push(`The store in schema ${schema} of PostgreSQL at ${place} has ${count} ${what}; restore a backup.`);
    }
    await client.query('COMMIT');
    return damage;
  });
}

const QUESTIONS: readonly { readonly what: string; readonly sql: string }[] = [
  {
    what: 'index entries without a record',
    sql: `entry WHERE NOT EXISTS
      (SELECT 1 FROM record WHERE record.collection = entry.collection AND record.id = entry.id)`,
  },
  {
    what: 'index entries missing',
    sql: `record CROSS JOIN LATERAL jsonb_each_text(record.entries::jsonb) AS wanted
      WHERE record.entries <> '{}' AND NOT EXISTS
        (SELECT 1 FROM entry WHERE entry.collection = record.collection AND entry.name = wanted.key
          AND entry.value = wanted.value AND entry.id = record.id)`,
  },
  {
    what: 'records of a revision that was never given out',
    sql: `record WHERE revision > (SELECT value FROM counter WHERE name = 'revision')`,
  },
];

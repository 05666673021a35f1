import { TOO_OLD } from './failures.ts';

/**
 * A commit is one statement: a call of `commit_batches`. No server can therefore stop, lose its network or be paused
 * between the beginning and the end of a transaction, with the others waiting behind it.
 *
 * All commits queue behind the row lock on the counter `revision`, which PostgreSQL gives up only when the commit is on
 * the disk and visible: a later revision is never seen before an earlier one. Under the lock every statement has a
 * snapshot of its own (VOLATILE, read committed), so that what is compared is what stands; claims, which are taken
 * without that lock, are held by FOR SHARE until the end.
 *
 * Batches, as JSON: `[{ fences: [[key, fence]], expect: [[collection, id, revision]], writes: [[collection, id, entries,
 * offset, length]] }]`, where offset (from 1) and length cut the body out of `bodies` and are null for a deletion. The
 * answer is a list of revisions and, for those refused, of sentences: the ones of `../conflict.ts`.
 */
export const COMMIT_FUNCTION = `
  CREATE FUNCTION find_conflict(batch jsonb) RETURNS text LANGUAGE plpgsql AS $$
  DECLARE
    item jsonb;
    standing bigint;
  BEGIN
    FOR item IN SELECT value FROM jsonb_array_elements(batch -> 'fences') LOOP
      SELECT fence INTO standing FROM claim WHERE key = item ->> 0 FOR SHARE;
      IF coalesce(standing, 0) <> (item ->> 1)::bigint THEN
        RETURN format('claim %s is at fence %s, not %s', item ->> 0, coalesce(standing, 0), item ->> 1);
      END IF;
    END LOOP;
    FOR item IN SELECT value FROM jsonb_array_elements(batch -> 'expect') LOOP
      SELECT revision INTO standing FROM record WHERE collection = item ->> 0 AND id = item ->> 1;
      IF coalesce(standing, 0) <> (item ->> 2)::bigint THEN
        RETURN format('%s %s is at revision %s, not %s', item ->> 0, item ->> 1, coalesce(standing, 0), item ->> 2);
      END IF;
    END LOOP;
    RETURN NULL;
  END $$;

  CREATE FUNCTION apply_write(new_revision bigint, of_collection text, of_id text, new_entries text, new_body bytea)
  RETURNS void LANGUAGE plpgsql AS $$
  DECLARE
    old_entries text;
    old record;
  BEGIN
    SELECT coalesce((SELECT entries FROM record WHERE collection = of_collection AND id = of_id), '{}')
      INTO old_entries;
    IF old_entries <> new_entries THEN
      FOR old IN SELECT key, value FROM jsonb_each_text(old_entries::jsonb) LOOP
        DELETE FROM entry
          WHERE collection = of_collection AND name = old.key AND value = old.value AND id = of_id;
      END LOOP;
      INSERT INTO entry (collection, name, value, id)
        SELECT of_collection, key, value, of_id FROM jsonb_each_text(new_entries::jsonb);
    END IF;
    IF new_body IS NULL THEN
      DELETE FROM record WHERE collection = of_collection AND id = of_id;
    ELSE
      INSERT INTO record (collection, id, revision, entries, body)
        VALUES (of_collection, of_id, new_revision, new_entries, new_body)
        ON CONFLICT (collection, id) DO UPDATE
        SET revision = excluded.revision, entries = excluded.entries, body = excluded.body;
    END IF;
    INSERT INTO change (revision, collection, id) VALUES (new_revision, of_collection, of_id) ON CONFLICT DO NOTHING;
  END $$;

  CREATE FUNCTION commit_batches(known_format bigint, kept_revisions bigint, batches jsonb, bodies bytea)
  RETURNS jsonb LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  DECLARE
    first bigint;
    newest bigint;
    batch jsonb;
    item jsonb;
    conflict text;
    answers jsonb[] := '{}';
  BEGIN
    SELECT value INTO STRICT newest FROM counter WHERE name = 'revision' FOR UPDATE;
    IF (SELECT value FROM counter WHERE name = 'format') > known_format + 1 THEN
      RAISE EXCEPTION 'this rekey is too old for the store' USING ERRCODE = '${TOO_OLD}';
    END IF;
    first := newest;
    FOR batch IN SELECT value FROM jsonb_array_elements(batches) LOOP
      conflict := find_conflict(batch);
      IF conflict IS NOT NULL THEN
        answers := array_append(answers, to_jsonb(conflict));
        CONTINUE;
      END IF;
      newest := newest + 1;
      answers := array_append(answers, to_jsonb(newest));
      FOR item IN SELECT value FROM jsonb_array_elements(batch -> 'writes') LOOP
        PERFORM apply_write(newest, item ->> 0, item ->> 1, item ->> 2,
          substr(bodies, (item ->> 3)::integer, (item ->> 4)::integer));
      END LOOP;
    END LOOP;
    IF newest > first THEN
      UPDATE counter SET value = newest WHERE name = 'revision';
      IF newest / 250 > first / 250 THEN
        DELETE FROM change WHERE revision <= newest - kept_revisions;
      END IF;
      PERFORM pg_notify('rekey_' || current_schema(), newest::text);
    END IF;
    RETURN to_jsonb(answers);
  END $$;
`;

import pg from 'pg';

/** One login at PostgreSQL and what was asked in it. */
export interface RecordedSession {
  readonly user: string;
  readonly password: string;
  readonly refused: boolean;
  readonly statements: readonly { readonly text: string; readonly values: readonly unknown[] | undefined }[];
}

interface Open {
  user: string;
  password: string;
  refused: boolean;
  statements: { text: string; values: readonly unknown[] | undefined }[];
}

/**
 * Records every login and statement that `work` sends through the driver, in the order they began. So the bare loop
 * does the same SQL as the rotator without knowing it.
 */
export async function recordSessions(work: () => Promise<void>): Promise<readonly RecordedSession[]> {
  const { connect, query } = pg.Client.prototype;
  const sessions: Open[] = [];
  const byClient = new WeakMap<object, Open>();
  pg.Client.prototype.connect = async function (this: pg.Client) {
    const session: Open = { user: this.user ?? '', password: passwordOf(this), refused: false, statements: [] };
    sessions.push(session);
    byClient.set(this, session);
    try {
      return await (connect as () => Promise<pg.Client>).call(this);
    } catch (error) {
      session.refused = true;
      throw error;
    }
  } as typeof connect;
  pg.Client.prototype.query = function (this: pg.Client, text: string, values?: unknown[]) {
    byClient.get(this)?.statements.push({ text, values });
    return (query as (text: string, values?: unknown[]) => unknown).call(this, text, values);
  } as unknown as typeof query;
  try {
    await work();
  } finally {
    pg.Client.prototype.connect = connect;
    pg.Client.prototype.query = query;
  }
  return sessions;
}

/** The rotator gives the driver a function, which the driver's types do not know. */
function passwordOf(client: pg.Client): string {
  const password = client.password as unknown as string | (() => string);
  return typeof password === 'function' ? password() : password;
}

/** The same sessions for another role: its name, and the number of its advisory lock. */
export function forRole(sessions: readonly RecordedSession[], from: string, to: string): readonly RecordedSession[] {
  const lock = `pg_advisory_xact_lock(${Number.parseInt(to.replace(/\D/g, ''), 10)})`;
  const renamed = (text: string) => text.replaceAll(from, to).replace(/pg_advisory_xact_lock\(-?\d+\)/, lock);
  const valueFor = (value: unknown) => (typeof value === 'string' ? renamed(value) : value);
  const valuesFor = (values: readonly unknown[] | undefined) =>
    values?.map((value) => (Array.isArray(value) ? value.map(valueFor) : valueFor(value)));
  return sessions.map((session) => ({
    ...session,
    user: renamed(session.user),
    statements: session.statements.map(({ text, values }) => ({ text: renamed(text), values: valuesFor(values) })),
  }));
}

/** Logs in and asks the same again, one session after the other. */
export async function replay(
  server: { readonly host: string; readonly port: number; readonly database: string },
  sessions: readonly RecordedSession[],
): Promise<void> {
  for (const { user, password, refused, statements } of sessions) {
    const client = new pg.Client({ ...server, user, password, ssl: false });
    const loggedIn = await client.connect().then(
      () => true,
      () => false,
    );
    if (loggedIn === refused) throw new Error(`the login of ${user} was ${loggedIn ? 'accepted' : 'refused'}`);
    for (const { text, values } of statements) await client.query(text, values === undefined ? undefined : [...values]);
    await client.end();
  }
}

// A pg pool whose password may change at any time. DB_SECRET names a secret that the postgres rotator rotates.
//
//   DB_SECRET=app/db node examples/pool-that-survives-rotation.ts
import { RotatingSecret, SecretsClient } from '@rekey/client';
import { rotatingPool } from '@rekey/client/pg';

const secret = await RotatingSecret.open({ secretId: process.env.DB_SECRET ?? 'app/db', client: new SecretsClient() });
const pool = rotatingPool(secret, { max: 4 });

for (let second = 0; second < 60; second++) {
  const { rows } = await pool.query<{ user: string }>('select session_user as user');
  console.log(`query ${second + 1} as ${rows[0]?.user}`);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
}

await pool.end();
secret.close();

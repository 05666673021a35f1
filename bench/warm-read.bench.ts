import { RotatingSecret } from '@rekey/client';
import { type Benchmark, median, round } from './figure.ts';

const READS = 2_000_000;

/** What an application pays to ask for its secret on every use. */
export const benchmark: Benchmark = {
  name: 'RotatingSecret.get() on a warm value',
  async run() {
    const secret = await RotatingSecret.open({
      secretId: 'bench',
      client: { getSecretValue: async () => ({ VersionId: 'one', SecretString: '{"password":"x"}' }) },
    });
    const rounds: number[] = [];
    for (let turn = 0; turn < 7; turn++) {
      const begun = process.hrtime.bigint();
      for (let read = 0; read < READS; read++) secret.get();
      rounds.push(Number(process.hrtime.bigint() - begun) / READS);
    }
    secret.close();
    return [
      {
        name: 'RotatingSecret.get(), warm',
        value: round(median(rounds)),
        unit: 'ns',
        limit: 200,
        must: 'stay below',
        detail: `median of ${rounds.length} rounds of ${READS} reads`,
      },
    ];
  },
};

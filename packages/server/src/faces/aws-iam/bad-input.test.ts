import { testBadInput } from '../aws-query/bad-input.testing.ts';
import { OPERATIONS } from './operations/index.ts';
import { openFace, refusalOf, requestOf } from './testing.ts';

testBadInput({
  operations: OPERATIONS,
  open: async () => {
    const { face, engine } = await openFace();
    return {
      send: async (form) => {
        const answer = await face.handle({ ...requestOf('', {}), body: Buffer.from(form) });
        if (answer.status === 200) return { status: 200, code: null, text: String(answer.body) };
        return refusalOf(answer);
      },
      writes: async () => (await engine.store.changes(0, 1_000)).length,
    };
  },
});

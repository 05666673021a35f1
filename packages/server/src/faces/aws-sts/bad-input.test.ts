import { openSts } from '../../service/sts/sts.testing.ts';
import { ROOT } from '../../service/testing.ts';
import { refusalOf, requestOf } from '../aws-iam/testing.ts';
import { testBadInput } from '../aws-query/bad-input.testing.ts';
import { awsStsFace } from './index.ts';
import { OPERATIONS } from './operations.ts';

testBadInput({
  operations: OPERATIONS,
  open: async () => {
    const sts = await openSts();
    const ada = await sts.user('ada');
    const face = awsStsFace({
      service: sts.service,
      authenticate: ({ id }) => ({ ...ada, requestId: id }),
      refused: ({ remoteAddress: address, id: requestId }, action, error) =>
        sts.service.cases.refuse(
          { action, principal: ROOT.principal.arn, accessKeyId: null, address, requestId },
          error,
        ),
    });
    return {
      send: async (form) => {
        const answer = await face.handle({ ...requestOf('', {}), body: Buffer.from(form) });
        if (answer.status === 200) return { status: 200, code: null, text: String(answer.body) };
        return refusalOf(answer);
      },
      writes: async () => (await sts.engine.store.changes(0, 1_000)).length,
    };
  },
});

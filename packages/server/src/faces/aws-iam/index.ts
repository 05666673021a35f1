import { type QueryFaceParts, queryFace } from '../aws-query/index.ts';
import type { Face } from '../face.ts';

/** The part of AWS IAM (2010-05-08) that whoever uses secrets needs: who there is and what everybody may do. */
export function awsIamFace(parts: QueryFaceParts): Face {
  return queryFace(
    {
      name: 'aws-iam',
      service: 'iam',
      version: '2010-05-08',
      namespace: 'https://iam.amazonaws.com/doc/2010-05-08/',
      operations: async () => (await import('./operations/index.ts')).OPERATIONS,
    },
    parts,
  );
}

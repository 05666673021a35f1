import { type QueryFaceParts, queryFace } from '../aws-query/index.ts';
import type { Face } from '../face.ts';

/**
 * AWS STS (2011-06-15): identities and temporary credentials. The credentials open rekey; AWS's own services take only
 * AWS's.
 */
export function awsStsFace(parts: QueryFaceParts): Face {
  return queryFace(
    {
      name: 'aws-sts',
      service: 'sts',
      version: '2011-06-15',
      namespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
      operations: async () => (await import('./operations.ts')).OPERATIONS,
    },
    parts,
  );
}

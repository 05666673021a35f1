import { integer, list, oneOf, required, structure, text } from '../aws-shapes/shape.ts';

/** Shapes of the service model 2010-05-08 that several operations share. */

const NAME = '[\\w+=,.@-]+';
const TAG_CHARACTERS = '[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]';

export const userName = text({ min: 1, max: 64, pattern: NAME });
export const existingUserName = text({ min: 1, max: 128, pattern: NAME });
export const groupName = text({ min: 1, max: 128, pattern: NAME });
export const roleName = text({ min: 1, max: 64, pattern: NAME });
export const policyName = text({ min: 1, max: 128, pattern: NAME });
export const arn = text({ min: 20, max: 2048 });
export const path = text({ min: 1, max: 512, pattern: '(\\u002F)|(\\u002F[\\u0021-\\u007E]+\\u002F)' });
export const pathPrefix = text({ min: 1, max: 512, pattern: '\\u002F[\\u0021-\\u007F]*' });
export const policyPath = text({ min: 1, max: 512, pattern: '((/[A-Za-z0-9\\.,\\+@=_-]+)*)/' });
export const policyDocument = text({
  min: 1,
  max: 131_072,
  pattern: '[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+',
});
export const policyDescription = text({ max: 1000 });
export const policyVersionId = text({ pattern: 'v[1-9][0-9]*(\\.[A-Za-z0-9-]*)?' });
export const roleDescription = text({
  max: 1000,
  pattern: '[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*',
});
export const maxSessionDuration = integer(3600, 43_200);
export const accessKeyId = text({ min: 16, max: 128, pattern: '[\\w]+' });
export const status = oneOf('Active', 'Inactive', 'Expired');
export const usageFilter = oneOf('PermissionsPolicy', 'PermissionsBoundary');
export const clientId = text({ min: 1, max: 255 });
export const thumbprints = list(text({ min: 40, max: 40 }));
export const serviceName = text({});

const tagKey = text({ min: 1, max: 128, pattern: `${TAG_CHARACTERS}+` });
const tagValue = text({ min: 0, max: 256, pattern: `${TAG_CHARACTERS}*` });
export const tags = list(structure({ Key: required(tagKey), Value: required(tagValue) }), undefined, 50);
export const tagKeys = list(tagKey, undefined, 50);

/** Members of every operation that lists page by page. */
export const paging = {
  Marker: text({ min: 1, max: 320, pattern: '[\\u0020-\\u00FF]+' }),
  MaxItems: integer(1, 1000),
} as const;

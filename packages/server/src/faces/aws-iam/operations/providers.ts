import { operation } from '../../aws-query/operation.ts';
import { list, required, structure, text } from '../../aws-shapes/shape.ts';
import { readTags, tagsAnswer } from '../answers.ts';
import { arn, clientId, tags, thumbprints } from '../shapes.ts';

const byArn = structure({ OpenIDConnectProviderArn: required(arn) });
const withClientId = structure({ OpenIDConnectProviderArn: required(arn), ClientID: required(clientId) });

export const providerOperations = [
  operation(
    'CreateOpenIDConnectProvider',
    structure({
      Url: required(text({ min: 1, max: 255 })),
      ClientIDList: list(clientId),
      ThumbprintList: thumbprints,
      Tags: tags,
    }),
    async ({ access }, caller, { Url: url, ClientIDList = [], ThumbprintList = [], Tags }) => {
      const wish = { url, clientIds: ClientIDList, thumbprints: ThumbprintList, tags: readTags(Tags) };
      const provider = await access.providers.create(caller, wish);
      return { OpenIDConnectProviderArn: provider.arn, Tags: tagsAnswer(provider.tags) };
    },
  ),
  operation('GetOpenIDConnectProvider', byArn, async ({ access }, caller, input) => {
    const provider = await access.providers.get(caller, input.OpenIDConnectProviderArn);
    return {
      Url: provider.url,
      ClientIDList: provider.clientIds,
      ThumbprintList: provider.thumbprints,
      CreateDate: new Date(provider.createdAt),
      Tags: tagsAnswer(provider.tags),
    };
  }),
  operation('ListOpenIDConnectProviders', structure({}), async ({ access }, caller) => {
    const providers = await access.providers.list(caller);
    return { OpenIDConnectProviderList: providers.map((provider) => ({ Arn: provider.arn })) };
  }),
  operation('DeleteOpenIDConnectProvider', byArn, async ({ access }, caller, input) => {
    await access.providers.delete(caller, input.OpenIDConnectProviderArn);
    return null;
  }),
  operation('AddClientIDToOpenIDConnectProvider', withClientId, async ({ access }, caller, input) => {
    await access.providers.addClientId(caller, input.OpenIDConnectProviderArn, input.ClientID);
    return null;
  }),
  operation('RemoveClientIDFromOpenIDConnectProvider', withClientId, async ({ access }, caller, input) => {
    await access.providers.removeClientId(caller, input.OpenIDConnectProviderArn, input.ClientID);
    return null;
  }),
  operation(
    'UpdateOpenIDConnectProviderThumbprint',
    structure({ OpenIDConnectProviderArn: required(arn), ThumbprintList: required(thumbprints) }),
    async ({ access }, caller, { OpenIDConnectProviderArn, ThumbprintList }) => {
      await access.providers.setThumbprints(caller, OpenIDConnectProviderArn, ThumbprintList);
      return null;
    },
  ),
];

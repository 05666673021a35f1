import { operation } from '../operation.ts';

export const getRandomPassword = operation({
  name: 'GetRandomPassword',
  read: (input) => ({
    length: input.PasswordLength,
    excludeCharacters: input.ExcludeCharacters,
    excludeLowercase: input.ExcludeLowercase,
    excludeNumbers: input.ExcludeNumbers,
    excludePunctuation: input.ExcludePunctuation,
    excludeUppercase: input.ExcludeUppercase,
    includeSpace: input.IncludeSpace,
    requireEachKind: input.RequireEachIncludedType,
  }),
  run: async (service, caller, wish) => ({ RandomPassword: await service.passwords.make(caller, wish) }),
});

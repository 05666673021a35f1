export { FakeClock } from './fake-clock.ts';
export { FakeSecretsManager, type Misbehaviour, type SeenRequest } from './fake-secrets-manager.ts';

export { type FakeFault, type FakeOperation, type FakeOptions, FakeTarget, type FakeUser, fake } from './fake.ts';
export { rotationFunctionFrom } from './rotation-function.ts';

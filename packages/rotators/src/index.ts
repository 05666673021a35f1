export { rotators } from './catalogue.ts';
export { type FakeFault, type FakeOperation, type FakeOptions, FakeTarget, type FakeUser, fake } from './fake.ts';
export { postgres } from './postgres.ts';
export { randomValue } from './random-value.ts';
export { rotationFunctionFrom } from './rotation-function.ts';

// The issuer that the server's own tests use: a real one, on a loopback port.
export {
  makeKey,
  signToken,
  startIssuer,
  type TestIssuer,
} from '../../packages/server/src/auth/oidc/issuer.testing.ts';

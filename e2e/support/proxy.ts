import { CuttableProxy } from '../../scripts/test-services/cuttable-proxy.ts';
import { atEnd, type Cleanup } from './cleanup.ts';

/** A road to a port on this machine that can be cut, slow or silent; gone when the test is. */
export async function startProxy(test: Cleanup, port: number): Promise<CuttableProxy> {
  const proxy = await CuttableProxy.before({ host: '127.0.0.1', port });
  atEnd(test, () => proxy.close());
  return proxy;
}

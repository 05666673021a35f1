import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serveMeasured } from './children.ts';

// The peer of the signed read: node:http reading the body and answering the same bytes, nothing else.
const server = createServer();

serveMeasured({
  async start(setup) {
    const { body, headers } = setup as { body: string; headers: Record<string, string> };
    server.on('request', (request, response) => {
      request.on('data', () => {});
      request.on('end', () => {
        response.writeHead(200, { ...headers, 'content-length': Buffer.byteLength(body) });
        response.end(body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { port: (server.address() as AddressInfo).port };
  },
  stop: () => void server.close(),
});

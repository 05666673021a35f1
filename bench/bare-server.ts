import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

// The peer of the signed read: node:http that reads the body and answers the same bytes, and does nothing else.
const { status, headers, body } = JSON.parse(process.env.BENCH_ANSWER ?? '') as {
  status: number;
  headers: Record<string, string>;
  body: string;
};

const server = createServer({ keepAliveTimeout: 65_000, noDelay: true }, (request, response) => {
  request.on('data', () => {});
  request.on('end', () => {
    response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
    response.end(body);
  });
});

server.listen(0, '127.0.0.1', () => {
  const { address, port } = server.address() as AddressInfo;
  console.log(`bare node:http listening on http://${address}:${port}`);
});
process.once('SIGTERM', () => process.exit(0));

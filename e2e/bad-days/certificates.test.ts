import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import { runRekey, startServer, temporaryFolder } from '../support/server.ts';
import { until } from '../support/until.ts';

const skip = spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed';

test('TLS: a renewed certificate is taken up without a restart, a broken one is not', { skip }, async (context) => {
  const folder = await temporaryFolder(context);
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  for (const name of ['first', 'second']) makeCertificate(folder, name);
  const use = async (name: string, part = 'both') => {
    if (part !== 'key') await copyFile(join(folder, `${name}.cert.pem`), cert);
    if (part !== 'cert') await copyFile(join(folder, `${name}.key.pem`), key);
  };
  await use('first');
  const dataFolder = join(folder, 'data');
  const server = await startServer({ dataFolder, words: ['--tls-cert', cert, '--tls-key', key], test: context });
  assert.match(server.endpoint, /^https:/);
  assert.equal(await commonName(server.endpoint), 'first');

  await use('second', 'cert');
  await until(() => (/The one before stays in use/.test(server.output()) ? true : null));
  assert.equal(await commonName(server.endpoint), 'first', 'a certificate without its key is not used');
  await use('second', 'key');
  await until(async () => ((await commonName(server.endpoint)) === 'second' ? true : null));

  const found = await runRekey(['secret', 'list', '--data', dataFolder], {
    environment: { NODE_EXTRA_CA_CERTS: cert },
  });
  assert.equal(found.out, 'no secrets\n', found.err);
  assert.equal(await server.stop(), 0);
});

function makeCertificate(folder: string, name: string): void {
  const [key, cert] = [join(folder, `${name}.key.pem`), join(folder, `${name}.cert.pem`)];
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
  ]);
  assert.equal(made.status, 0, String(made.stderr));
}

/** Name in the certificate that the server shows to a new connection. */
function commonName(endpoint: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(new URL('/healthz', endpoint), { rejectUnauthorized: false, agent: false }, (answer) => {
      const certificate = (answer.socket as import('node:tls').TLSSocket).getPeerCertificate();
      answer.resume().on('end', () => resolve(String(certificate.subject.CN)));
    });
    asked.on('error', reject).end();
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SourceReader } from './source.ts';

function read(
  trusted: readonly string[],
  peer: string,
  headers: Record<string, string | readonly string[]>,
  secure = false,
) {
  const list = Object.entries(headers).flatMap(([name, values]) =>
    (typeof values === 'string' ? [values] : values).map((value): [string, string] => [name, value]),
  );
  return new SourceReader(trusted).read({ address: peer, secure }, list);
}

test('without trusted proxies no header changes the source', () => {
  const lies = { 'x-forwarded-for': '1.2.3.4', 'x-forwarded-proto': 'https', forwarded: 'for=1.2.3.4;proto=https' };
  assert.deepEqual(read([], '203.0.113.9', lies), { address: '203.0.113.9', secure: false });
});

test('a peer that is not a trusted proxy is not believed', () => {
  const lies = { 'x-forwarded-for': '1.2.3.4', 'x-forwarded-proto': 'https' };
  assert.deepEqual(read(['10.0.0.0/8'], '203.0.113.9', lies), { address: '203.0.113.9', secure: false });
});

test('a trusted proxy vouches for the address it appended, not for those the caller wrote before it', () => {
  const source = read(['10.0.0.0/8'], '10.1.2.3', {
    'x-forwarded-for': '127.0.0.1, 198.51.100.7',
    'x-forwarded-proto': 'https',
  });
  assert.deepEqual(source, { address: '198.51.100.7', secure: true });
});

test('a chain of trusted proxies is walked from the right to the first stranger', () => {
  const trusted = ['10.0.0.0/8', '2001:db8:1::/48'];
  const headers = { 'x-forwarded-for': ['6.6.6.6, 198.51.100.7', '2001:db8:1::5, 10.9.9.9'] };
  assert.equal(read(trusted, '10.1.2.3', headers).address, '198.51.100.7');
  assert.equal(read(trusted, '2001:db8:1::1', headers).address, '198.51.100.7');
});

test('when every hop is trusted the leftmost is the source', () => {
  assert.equal(read(['10.0.0.0/8'], '10.0.0.1', { 'x-forwarded-for': '10.0.0.3, 10.0.0.2' }).address, '10.0.0.3');
});

test('what is no address ends the walk at the last hop that was one', () => {
  for (const junk of ['unknown', '', '999.1.1.1', '1.2.3.4:port', '_hidden', '1.2.3.4 5.6.7.8']) {
    assert.equal(read(['10.0.0.0/8'], '10.0.0.1', { 'x-forwarded-for': `${junk}, 10.0.0.2` }).address, '10.0.0.2');
  }
});

test('ports and brackets around an address are dropped', () => {
  assert.equal(read(['10.0.0.1'], '10.0.0.1', { 'x-forwarded-for': '198.51.100.7:4711' }).address, '198.51.100.7');
  assert.equal(read(['10.0.0.1'], '10.0.0.1', { 'x-forwarded-for': '[2001:db8::7]:4711' }).address, '2001:db8::7');
});

test('an IPv4 address mapped into IPv6 counts as what it is', () => {
  assert.equal(read([], '::ffff:192.0.2.1', {}).address, '192.0.2.1');
  assert.equal(
    read(['192.0.2.0/24'], '::ffff:192.0.2.1', { 'x-forwarded-for': '198.51.100.7' }).address,
    '198.51.100.7',
  );
  assert.equal(
    read(['192.0.2.0/24'], '192.0.2.1', { 'x-forwarded-for': '9.9.9.9, ::ffff:192.0.2.8' }).address,
    '9.9.9.9',
  );
});

test('the encryption vouched for is that of the hop the source was found at', () => {
  const trusted = ['10.0.0.0/8'];
  const spoofed = { 'x-forwarded-for': '198.51.100.7', 'x-forwarded-proto': 'https, http' };
  assert.equal(read(trusted, '10.0.0.1', spoofed).secure, false);
  const chain = { 'x-forwarded-for': '198.51.100.7, 10.0.0.2', 'x-forwarded-proto': 'https, http' };
  assert.equal(read(trusted, '10.0.0.1', chain).secure, true);
  assert.equal(read(trusted, '10.0.0.1', { 'x-forwarded-proto': 'https' }).secure, true);
  assert.equal(read(trusted, '10.0.0.1', { 'x-forwarded-for': '198.51.100.7' }, true).secure, true);
});

test('Forwarded is not read even from a trusted proxy', () => {
  assert.equal(read(['10.0.0.0/8'], '10.0.0.1', { forwarded: 'for=198.51.100.7' }).address, '10.0.0.1');
});

test('a trusted proxy that is no address or CIDR is refused in one sentence', () => {
  for (const wrong of ['proxy', '10.0.0.0/33', '::1/129', '10.0.0/8', '', '10.0.0.0/8/8']) {
    assert.throws(() => new SourceReader([wrong]), { code: 'invalid-input', message: /^--trusted-proxy takes/ });
  }
});

import { BlockList, isIP } from 'node:net';

/**
 * What is not the public Internet: private, shared, loopback, link-local (cloud metadata lives there), documentation,
 * benchmark, multicast and reserved ranges. Source: IANA special-purpose address registries (RFC 6890).
 */
const NOT_PUBLIC = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const;

/** Within 2000::/3, which is all the public Internet has of IPv6: Teredo and ORCHID, documentation, 6to4. */
const NOT_PUBLIC_SIX = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const;

const refused = new BlockList();
for (const [address, prefix] of NOT_PUBLIC) {
  refused.addSubnet(address, prefix, 'ipv4');
  refused.addSubnet(`::ffff:${address}`, 96 + prefix, 'ipv6');
  refused.addSubnet(`64:ff9b::${address}`, 96 + prefix, 'ipv6');
}
for (const [address, prefix] of NOT_PUBLIC_SIX) refused.addSubnet(address, prefix, 'ipv6');

const reachable = new BlockList();
reachable.addSubnet('2000::', 3, 'ipv6');
// IPv4 in IPv6 clothes (mapped, and behind NAT64): the IPv4 address decides.
reachable.addSubnet('::ffff:0.0.0.0', 96, 'ipv6');
reachable.addSubnet('64:ff9b::', 96, 'ipv6');

/** Whether an address belongs to the public Internet; anything that is no address does not. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !refused.check(address, 'ipv4');
  return family === 6 && reachable.check(address, 'ipv6') && !refused.check(address, 'ipv6');
}

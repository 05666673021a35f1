import { BlockList, isIP } from 'node:net';
import { RekeyError } from '@rekey/core';

/** Where a request came from, as far as it can be believed. */
export interface Source {
  /** IPv4 or IPv6 address, without port; IPv4 in its own form also where it came mapped into IPv6. */
  readonly address: string;
  /** Whether the caller's own connection was encrypted. */
  readonly secure: boolean;
}

type Headers = readonly (readonly [name: string, value: string])[];

/** The socket a request came in on. */
export interface Connection {
  readonly address: string;
  readonly secure: boolean;
}

/**
 * Tells a request's source. Forwarding headers are read only from proxies named by the operator: `X-Forwarded-For` from
 * the right, through trusted hops, to the first address that is not one; everything left of that is the caller's own
 * invention. `Forwarded` (RFC 7239) is never read: one header of the two must win, and proxies that set one often let
 * the other through unchanged.
 */
export class SourceReader {
  readonly #trusted: BlockList | null;

  /** @throws RekeyError `invalid-input` if a CIDR (or single address) is not one. */
  constructor(trustedProxies: readonly string[]) {
    this.#trusted = trustedProxies.length === 0 ? null : trustedList(trustedProxies);
  }

  read(connection: Connection, headers: Headers): Source {
    const address = plainAddress(connection.address);
    if (this.#trusted === null || !this.#trusts(address)) return { address, secure: connection.secure };
    const hops = listOf(headers, 'x-forwarded-for');
    const protocols = listOf(headers, 'x-forwarded-proto');
    return this.#walk({ address, secure: connection.secure }, hops, protocols);
  }

  /** From the right; each trusted hop vouches for the one before it. Stops at what is no address. */
  #walk(peer: Source, hops: readonly string[], protocols: readonly string[]): Source {
    let address = peer.address;
    let trustedHops = 0;
    for (let at = hops.length - 1; at >= 0 && this.#trusts(address); at--) {
      const next = addressOf(hops[at]!);
      if (next === null) break;
      address = next;
      trustedHops++;
    }
    return { address, secure: secureAt(protocols, trustedHops) ?? peer.secure };
  }

  #trusts(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#trusted!.check(address, family === 4 ? 'ipv4' : 'ipv6');
  }
}

/**
 * What the outermost trusted hop says of the caller's connection; null if nobody says. Proxies either append to
 * `X-Forwarded-Proto` hop by hop or hand one word through.
 */
function secureAt(protocols: readonly string[], trustedHops: number): boolean | null {
  const word = protocols.at(-Math.min(Math.max(trustedHops, 1), protocols.length || 1));
  return word === undefined ? null : word.toLowerCase() === 'https';
}

function listOf(headers: Headers, name: string): string[] {
  const items: string[] = [];
  for (const header of headers) {
    if (header[0] === name) for (const item of header[1].split(',')) items.push(item.trim());
  }
  return items;
}

/** `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1` or `[2001:db8::1]:443`; null for anything else. */
function addressOf(text: string): string | null {
  const bracketed = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(text);
  const withPort = /^(\d+\.\d+\.\d+\.\d+):\d{1,5}$/.exec(text);
  const address = plainAddress(bracketed?.[1] ?? withPort?.[1] ?? text);
  return isIP(address) === 0 ? null : address;
}

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

function plainAddress(address: string): string {
  return (address.startsWith('::') && MAPPED.exec(address)?.[1]) || address;
}

function trustedList(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) addRange(list, cidr);
  return list;
}

function addRange(list: BlockList, cidr: string): void {
  const match = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(cidr.trim());
  const address = match === null ? '' : plainAddress(match[1]!);
  const family = isIP(address);
  const width = family === 4 ? 32 : 128;
  const prefix = match?.[2] === undefined ? width : Number(match[2]);
  if (family === 0 || prefix > width) {
    throw new RekeyError(
      'invalid-input',
      `--trusted-proxy takes an address or CIDR such as 10.0.0.0/8, not "${cidr}".`,
      { reason: 'wrong-use' },
    );
  }
  list.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6');
}

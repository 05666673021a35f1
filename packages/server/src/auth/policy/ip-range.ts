import { isIP } from 'node:net';
import { remember } from './context.ts';

/** An address as 16-bit groups: two for IPv4, eight for IPv6. */
type Groups = readonly number[];

export interface IpRange {
  readonly groups: Groups;
  /** Bits that count, from the left. */
  readonly prefix: number;
}

/** `203.0.113.0/24`, `2001:db8::/32`, or one address. Bits behind the prefix do not count. Null for anything else. */
export function parseIpRange(text: string): IpRange | null {
  const [, address, width] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text.trim()) ?? [];
  const written = address === undefined ? null : groupsOf(address);
  if (written === null) return null;
  const most = written.length * 16;
  const prefix = width === undefined ? most : Number(width);
  return prefix > most ? null : plainRange(written, prefix);
}

/** The address of a request; asked once per statement, hence remembered. Null if it is none. */
export const parseAddress = remember((text: string): Groups | null => {
  const groups = groupsOf(text);
  return groups === null ? null : plainRange(groups, groups.length * 16).groups;
});

export function inRange(address: Groups, range: IpRange): boolean {
  if (address.length !== range.groups.length) return false;
  const whole = range.prefix >> 4;
  for (let at = 0; at < whole; at++) if (address[at] !== range.groups[at]) return false;
  const rest = 16 - (range.prefix & 15);
  return rest === 16 || address[whole]! >> rest === range.groups[whole]! >> rest;
}

/** IPv4 that was mapped into IPv6 (`::ffff:192.0.2.1`) is taken for what it is. */
function plainRange(groups: Groups, prefix: number): IpRange {
  const mapped =
    groups.length === 8 && prefix >= 96 && groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
  return mapped ? { groups: groups.slice(6), prefix: prefix - 96 } : { groups, prefix };
}

function groupsOf(address: string): Groups | null {
  const family = isIP(address);
  if (family === 0) return null;
  return family === 4 ? groupsOfFour(address) : groupsOfSix(address.replace(/%.*$/, ''));
}

function groupsOfFour(address: string): Groups {
  const [first, second, third, fourth] = address.split('.').map(Number) as [number, number, number, number];
  return [first * 256 + second, third * 256 + fourth];
}

function groupsOfSix(address: string): Groups {
  const [head = '', tail] = address.split('::');
  const left = groupsOfSide(head);
  if (tail === undefined) return left;
  const right = groupsOfSide(tail);
  return [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
}

function groupsOfSide(side: string): number[] {
  if (side === '') return [];
  return side.split(':').flatMap((part) => (part.includes('.') ? groupsOfFour(part) : [Number.parseInt(part, 16)]));
}

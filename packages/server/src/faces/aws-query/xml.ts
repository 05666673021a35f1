/**
 * What an answer is made of. Members that are undefined are left out, as null is; a list becomes `<member>` elements, a
 * map `<entry>` elements, a time ISO 8601 in whole seconds.
 */
export type XmlValue =
  | string
  | number
  | boolean
  | Date
  | null
  | undefined
  | readonly XmlValue[]
  | ReadonlyMap<string, XmlValue>
  | XmlMembers;

export interface XmlMembers {
  readonly [name: string]: XmlValue;
}

/** Elements for the members of an answer, in their order. Names come from our own tables, never from a request. */
export function elements(members: XmlMembers): string {
  let xml = '';
  for (const name in members) xml += element(name, members[name]);
  return xml;
}

function element(name: string, value: XmlValue): string {
  if (value === undefined || value === null) return '';
  return `<${name}>${contentOf(value)}</${name}>`;
}

function contentOf(value: Exclude<XmlValue, null | undefined>): string {
  if (typeof value === 'string') return escapeXml(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value instanceof Date) return `${value.toISOString().slice(0, 19)}Z`;
  if (value instanceof Map) return [...value].map(([key, item]) => element('entry', { key, value: item })).join('');
  if (Array.isArray(value)) return value.map((item) => element('member', item)).join('');
  return elements(value as XmlMembers);
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#xD;',
};
/** What must be escaped, and what XML 1.0 has no way to say (section 2.2, "Characters"). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const SPECIAL = /[&<>"\r]|[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g;

/** Text as it may stand in an element. What XML cannot say becomes U+FFFD, so that every answer can be read. */
export function escapeXml(text: string): string {
  return text.toWellFormed().replace(SPECIAL, (character) => ESCAPES[character] ?? '\ufffd');
}

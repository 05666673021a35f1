import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One test: its file, its title, and its text together with the table above it that it goes through. */
export interface ShownTest {
  readonly file: string;
  readonly title: string;
  readonly text: string;
}

/** Suites that go through all members by their tables: they show what is refused, not what is done. */
const GENERIC = /^(?:bad-input|mutations|model|read-input)\.test\.ts$/;
const BEGINS = /^\s*(?:test|it)\(/;
const TITLE = /(?:test|it)\(\s*(['"`])(.*?)\1,/s;
/** A line before which nothing belongs to the next test. */
const ENDS = /^ {0,4}\}\);$|^describe\(|^import |^\} from /;
/** Rows that a test goes through. */
const TABLE = /^\s*(?:const [A-Z_]+\b|for \()/;

/** Tests of the given folders (all but the generic suites) and files, in that order. Paths from the repository's root. */
export function testsIn(root: string, places: readonly string[]): readonly ShownTest[] {
  return places.flatMap((place) => {
    if (place.endsWith('.ts')) return testsOf(place, readFileSync(join(root, place), 'utf8'));
    const files = readdirSync(join(root, place)).filter((file) => file.endsWith('.test.ts') && !GENERIC.test(file));
    return files.sort().flatMap((file) => testsOf(`${place}/${file}`, readFileSync(join(root, place, file), 'utf8')));
  });
}

/** The tests of one file. */
export function testsOf(file: string, text: string): readonly ShownTest[] {
  const lines = text.split('\n');
  const begins = lines.flatMap((line, at) => (BEGINS.test(line) ? [at] : []));
  return begins.map((begin, index) => {
    const end = begins[index + 1] ?? lines.length;
    const after = begins[index - 1] ?? 0;
    const between = lines.slice(after, begin);
    const above = between.slice(between.findLastIndex((line) => ENDS.test(line)) + 1);
    const from = above.findIndex((line) => TABLE.test(line));
    const table = from < 0 ? [] : above.slice(from);
    const own = lines.slice(begin, end).join('\n');
    return { file, title: TITLE.exec(own)?.[2] ?? '', text: `${table.join('\n')}\n${own}` };
  });
}

/** A title that tells of what is not done. */
const REFUSAL = /\b(?:refuse[sd]?|cannot|needs?|lacks?|only)\b/;

/**
 * The test that shows an operation with a member (or, with null, at all): one that gives the member to that very operation
 * rather than to something else beside it, and shows what it does (of a refused one: that it is); of the file where the
 * operation is at home, if there is one.
 */
export function shownBy(
  tests: readonly ShownTest[],
  operation: string,
  member: string | null,
  home: string,
  isRefused = false,
): ShownTest | null {
  const method = operation.charAt(0).toLowerCase() + operation.slice(1);
  const asks = new RegExp(`'${operation}'|\\b${operation}Command\\b|\\.${method}\\(`, 'g');
  const gives = member === null ? /^/ : new RegExp(`\\b${member}\\b`);
  const isHome = ({ file }: ShownTest) => file === home;
  const isDone = ({ title }: ShownTest) => REFUSAL.test(title) === isRefused;
  const isExact = ({ text }: ShownTest) => callsIn(text, asks).some((call) => gives.test(call));
  const all = tests.filter(({ text }) => text.search(asks) >= 0 && gives.test(text));
  const wishes = [
    [isDone, isHome, isExact],
    [isDone, isHome],
    [isDone, isExact],
    [isHome, isExact],
    [isHome],
    [isExact],
    [],
  ];
  for (const wish of wishes) {
    const found = all.find((test) => wish.every((holds) => holds(test)));
    if (found !== undefined) return found;
  }
  return null;
}

/** What stands behind each mention of an operation, up to the bracket that closes around it: its input. */
function callsIn(text: string, asks: RegExp): readonly string[] {
  return [...text.matchAll(asks)].map(({ index, 0: mention }) => {
    const from = index + mention.length;
    let depth = mention.endsWith('(') ? 1 : 0;
    for (let at = from; at < text.length; at += 1) {
      if ('([{'.includes(text[at]!)) depth += 1;
      else if (')]}'.includes(text[at]!)) depth -= 1;
      if (depth < 0) return text.slice(from, at);
    }
    return text.slice(from);
  });
}

/** Whether two sets of etcd keys could meet. */
import { escapeKeyPart } from '../replication/key-template.ts';
import { splitTable } from './tables.ts';

/** One part of a key, by characters; null: any run of characters. */
type Part = readonly (string | null)[];

/** The parts of a key up to `{key}`, which is one part or more, of any text. */
export type KeyShape = readonly Part[];

export interface KeySpace {
  readonly template: string;
  readonly sync: string;
  readonly database: string;
  readonly include: readonly string[];
}

/** The keys that a sync may write: a shape for each item of `tables.include`. The template is a valid one. */
export function keyShapes(space: KeySpace): readonly KeyShape[] {
  const parts = space.template.split('/').slice(0, -1);
  return space.include.map((item) => {
    const glob = splitTable(item);
    const values: Readonly<Record<string, Part>> = {
      sync: literal(escapeKeyPart(space.sync)),
      database: literal(escapeKeyPart(space.database)),
      schema: globPart(glob.schema),
      table: globPart(glob.table),
    };
    return parts.map((part) =>
      part
        .split(/\{(sync|database|schema|table)\}/)
        .flatMap((piece, index) => (index % 2 === 0 ? literal(piece) : (values[piece] ?? []))),
    );
  });
}

/** Everything below a prefix. */
export function prefixShape(prefix: string): KeyShape {
  return prefix.split('/').map(literal);
}

/** Every key that begins with a text, which may end within a part. */
export function startShape(text: string): KeyShape {
  const parts = text.split('/');
  const last = parts.pop() ?? '';
  return [...parts.map(literal), ...(last === '' ? [] : [[...literal(last), null]])];
}

/** Beyond the shorter shape, its `{key}` takes whatever the other one has. */
export function mayMeet(a: readonly KeyShape[], b: readonly KeyShape[]): boolean {
  return a.some((one) =>
    b.some((other) => one.every((part, i) => i >= other.length || meet(part, other[i] ?? []))),
  );
}

function literal(text: string): Part {
  return Array.from(text);
}

/** `?` may be a character that is escaped to several, so it counts as any run. */
function globPart(glob: string): Part {
  return glob.split(/([*?])/).flatMap((piece, index) => {
    if (index % 2 === 1) return [null];
    return piece === '' ? [] : literal(escapeKeyPart(piece));
  });
}

/** Whether a text exists that both patterns match. `reachable[j]`: so far both can end before `b[j]`. */
function meet(a: Part, b: Part): boolean {
  // Only a template has empty parts: an empty name is written `%`.
  if (a.length === 0 || b.length === 0) return a.length === b.length;
  let reachable = runs(b, [true, ...b.map(() => false)]);
  for (const character of a) {
    const next = b.map((_other, j) => {
      if (character === null) return reachable[j] === true;
      return b[j] === null && reachable[j] === true;
    });
    next.push(character === null && reachable[b.length] === true);
    for (const [j, other] of b.entries()) {
      if (character === null) next[j + 1] = next[j + 1] === true || next[j] === true;
      else if (other === character && reachable[j] === true) next[j + 1] = true;
    }
    reachable = runs(b, next);
  }
  return reachable[b.length] === true;
}

/** A run may be empty: what can end before it can end after it. */
function runs(b: Part, reachable: boolean[]): boolean[] {
  for (const [j, other] of b.entries()) {
    if (other === null && reachable[j] === true) reachable[j + 1] = true;
  }
  return reachable;
}

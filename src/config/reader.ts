/**
 * Reads YAML nodes as a schema says, and reports everything that differs. What is wrong is replaced by a
 * placeholder of the right type, so that the rest can be looked at too; the result counts only without violations.
 */
import { closest } from 'fastest-levenshtein';
import {
  IsArray,
  IsObject,
  IsOptional,
  IsRecord,
  type Static,
  type TArray,
  type TObject,
  type TRecord,
  type TSchema,
} from 'typebox';
import { isAlias, isMap, isScalar, isSeq, type Node, type Scalar } from 'yaml';
import { type Environment, expand } from './expand.ts';
import { childPath, type Report, shorten } from './report.ts';
import { marksOf, parseScalar, placeholder } from './scalar.ts';
import type { YamlSource } from './yaml.ts';

/** The value that a key has when the file does not give it, and the path that is to blame when it is wrong. */
export interface Fallback {
  readonly text: string;
  readonly path: string;
}

export interface ReaderOptions {
  readonly source: YamlSource;
  readonly report: Report;
  readonly env: Environment;
  /** @throws when the file cannot be read. */
  readonly readFile: (path: string) => string;
}

interface Entry {
  readonly key: Node;
  readonly value: Node | null;
}

export class Reader {
  readonly #options: ReaderOptions;
  /** By path. */
  readonly #fallbacks = new Map<string, Fallback>();

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** `known`: keys of the top that are looked at elsewhere. */
  readRoot<S extends TObject>(schema: S, known: readonly string[] = []): Static<S> {
    return this.#readObject(schema, this.#options.source.root, '', known) as Static<S>;
  }

  /** Whether the top has this key, with any value. */
  hasKey(key: string): boolean {
    const root = this.#options.source.root;
    return (
      isMap(root) && root.items.some((pair) => isScalar(pair.key) && keyText(pair.key) === key)
    );
  }

  setFallback(path: string, fallback: Fallback): void {
    this.#fallbacks.set(path, fallback);
  }

  #readObject(schema: TObject, node: Node | null, path: string, known: readonly string[] = []) {
    const entries = this.#entries(node, path);
    const names = [
      ...Object.keys(schema.properties).flatMap((name) => namesOf(schema, name)),
      ...known,
    ];
    for (const [name, { key }] of entries) {
      if (names.includes(name)) continue;
      const nearest = closest(shorten(name), names);
      this.#report(
        childPath(path, name),
        `unknown key; the nearest known key is ${JSON.stringify(nearest)}`,
        this.#options.source.lineOf(key),
      );
    }
    const result: Record<string, unknown> = {};
    for (const [name, property] of Object.entries(schema.properties)) {
      const value = this.#readProperty(property, name, entries, path);
      if (value !== undefined) result[name] = value;
    }
    return result;
  }

  #readProperty(
    schema: TSchema,
    name: string,
    entries: ReadonlyMap<string, Entry>,
    parent: string,
  ) {
    const path = childPath(parent, name);
    const entry = entries.get(name);
    const fileEntry = mayBeFile(schema) ? entries.get(`${name}_file`) : undefined;
    if (fileEntry?.value) {
      if (!isNull(entry?.value)) {
        this.#report(`${path}_file`, `cannot be given beside ${JSON.stringify(name)}`);
        return placeholder(schema);
      }
      return this.#readFromFile(schema, fileEntry.value, `${path}_file`);
    }
    if (isNull(entry?.value)) return this.#missing(schema, path);
    return this.#read(schema, entry?.value ?? null, path);
  }

  #missing(schema: TSchema, path: string): unknown {
    const fallback = this.#fallbacks.get(path);
    if (fallback !== undefined) return this.#fallback(schema, fallback);
    if (IsOptional(schema)) return undefined;
    const value = marksOf(schema).default;
    if (value !== undefined) return structuredClone(value);
    if (IsObject(schema)) return this.#readObject(schema, null, path);
    this.#report(path, 'is required');
    return placeholder(schema);
  }

  #fallback(schema: TSchema, { text, path }: Fallback): unknown {
    if (!IsArray(schema)) return this.#typed(schema, text, path);
    return [this.#typed(schema.items as TSchema, text, path)];
  }

  #read(schema: TSchema, node: Node | null, path: string): unknown {
    if (IsObject(schema)) return this.#readObject(schema, node, path);
    if (IsRecord(schema)) return this.#readRecord(schema, node, path);
    if (IsArray(schema)) return this.#readArray(schema, node, path);
    const text = this.#text(node, path);
    return text === null ? placeholder(schema) : this.#typed(schema, text, path);
  }

  #readRecord(schema: TRecord, node: Node | null, path: string): Record<string, unknown> {
    const { keyPattern, keyExpects } = marksOf(schema);
    const valueSchema = Object.values(schema.patternProperties)[0] as TSchema;
    const entries = this.#entries(node, path);
    const pairs: [string, unknown][] = [];
    for (const [name] of entries) {
      const at = childPath(path, name);
      if (keyPattern !== undefined && !new RegExp(keyPattern, 'u').test(name)) {
        this.#report(at, `the name must be ${keyExpects}`);
      }
      pairs.push([name, this.#readProperty(valueSchema, name, entries, path)]);
    }
    // Not by assignment: a sync may be called `__proto__`.
    return Object.fromEntries(pairs);
  }

  #readArray(schema: TArray, given: Node | null, path: string): unknown[] {
    const node = this.#resolve(given);
    const marks = marksOf(schema);
    if (marks.orOne === true && isScalar(node)) {
      return [this.#read(schema.items as TSchema, node, path)];
    }
    if (!isSeq(node)) {
      this.#report(path, 'must be a list');
      return [];
    }
    if (node.items.length < (marks.minItems ?? 0)) this.#report(path, 'must not be empty');
    if (node.items.length > (marks.maxItems ?? Infinity)) {
      this.#report(path, `must not have more than ${marks.maxItems} items`);
      return [];
    }
    const items = node.items.map((item, index) => {
      const at = `${path}[${index}]`;
      this.#locate(at, item as Node);
      return this.#read(schema.items as TSchema, item as Node, at);
    });
    if (
      marks.uniqueItems === true &&
      new Set(items).size < items.length &&
      !this.#options.report.has(path)
    ) {
      this.#report(path, 'must not repeat an item');
    }
    return items;
  }

  #typed(schema: TSchema, text: string, path: string): unknown {
    const { pem } = marksOf(schema);
    if (pem === true && !text.startsWith('-----BEGIN ')) return this.#content(schema, text, path);
    const parsed = parseScalar(schema, text);
    if ('value' in parsed) return parsed.value;
    this.#report(path, parsed.problem);
    return placeholder(schema);
  }

  #readFromFile(schema: TSchema, node: Node, path: string): unknown {
    const file = this.#text(node, path);
    return file === null ? placeholder(schema) : this.#content(schema, file, path);
  }

  /** The message names neither the file, which may be a misplaced secret, nor what it holds. */
  #content(schema: TSchema, file: string, path: string): unknown {
    let text: string;
    try {
      text = this.#options.readFile(file).replace(/\r?\n$/, '');
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
      this.#report(path, `the file cannot be read: ${code}`);
      return placeholder(schema);
    }
    if (marksOf(schema).pem === true && !text.includes('-----BEGIN ')) {
      this.#report(path, 'the file holds no PEM text');
      return placeholder(schema);
    }
    const parsed = parseScalar(schema, text);
    if ('value' in parsed) return parsed.value;
    this.#report(path, `the content of the file ${parsed.problem}`);
    return placeholder(schema);
  }

  #text(given: Node | null, path: string): string | null {
    const node = this.#resolve(given);
    if (!isScalar(node) || isNull(node)) {
      this.#report(path, isNull(node) ? 'must not be empty' : 'must be a single value');
      return null;
    }
    const expansion = expand(keyText(node), this.#options.env);
    if ('text' in expansion) return expansion.text;
    this.#report(path, expansion.problem);
    return null;
  }

  #entries(given: Node | null, path: string): Map<string, Entry> {
    const entries = new Map<string, Entry>();
    const node = this.#resolve(given);
    if (isNull(node)) return entries;
    if (!isMap(node)) {
      this.#report(path, 'must be a mapping of keys to values');
      return entries;
    }
    for (const pair of node.items) {
      const key = pair.key as Node;
      if (!isScalar(key)) {
        this.#report(path, 'has a key that is no text', this.#options.source.lineOf(key));
        continue;
      }
      const name = keyText(key);
      const at = childPath(path, name);
      if (entries.has(name)) {
        const first = this.#options.report.lineOf(at);
        this.#report(
          at,
          `stands there twice, first on line ${first}`,
          this.#options.source.lineOf(key),
        );
        continue;
      }
      this.#locate(at, key);
      entries.set(name, { key, value: pair.value as Node | null });
    }
    return entries;
  }

  #resolve(node: Node | null): Node | null {
    return isAlias(node) ? (node.resolve(this.#options.source.document) ?? null) : node;
  }

  #locate(path: string, node: Node): void {
    const line = this.#options.source.lineOf(node);
    if (line !== null) this.#options.report.locate(path, line);
  }

  #report(path: string, message: string, line?: number | null): void {
    this.#options.report.add(path, message, line);
  }
}

/** An empty or `null` value counts as not given. */
function isNull(node: Node | null | undefined): boolean {
  if (node === null || node === undefined) return true;
  return isScalar(node) && node.value === null;
}

/** A scalar as it is written, without its quotes: `0123` stays what it is for a password. */
function keyText(node: Scalar): string {
  return node.source ?? String(node.value);
}

function mayBeFile(schema: TSchema): boolean {
  const { secret, pem } = marksOf(schema);
  return secret === true || pem === true;
}

function namesOf(schema: TObject, name: string): string[] {
  const property = schema.properties[name];
  return property !== undefined && mayBeFile(property) ? [name, `${name}_file`] : [name];
}

/**
 * Globs of `tables` and `columns`. `*` stands for any run of characters and `?` for one, everything else for itself,
 * capitals, spaces and quotes too. A name of a schema or a column holds no dot, that of a table may.
 */

export type TableMatcher = (schema: string, table: string) => boolean;
export type ColumnMatcher = (schema: string, table: string, column: string) => boolean;

export interface TableGlob {
  readonly schema: string;
  readonly table: string;
}

export interface TableGlobs {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** `schema.table`, split at its first dot. The text was validated: it has one. */
export function splitTable(text: string): TableGlob {
  const dot = text.indexOf('.');
  return { schema: text.slice(0, dot), table: text.slice(dot + 1) };
}

/** Whether a glob stands for one name only. */
export function isLiteral(glob: string): boolean {
  return !/[*?]/.test(glob);
}

/** A table matches when an item of `include` and none of `exclude` does. */
export function tableMatcher(globs: TableGlobs): TableMatcher {
  const included = anyTable(globs.include);
  const excluded = anyTable(globs.exclude);
  return (schema, table) => included(schema, table) && !excluded(schema, table);
}

/** @param exclude Globs `schema.table.column`, split at the first and the last dot. */
export function columnMatcher(exclude: readonly string[]): ColumnMatcher {
  const matchers = exclude.map((text) => {
    const first = text.indexOf('.');
    const last = text.lastIndexOf('.');
    const schema = globMatcher(text.slice(0, first));
    const table = globMatcher(text.slice(first + 1, last));
    const column = globMatcher(text.slice(last + 1));
    return (s: string, t: string, c: string) => schema(s) && table(t) && column(c);
  });
  return (schema, table, column) => matchers.some((matches) => matches(schema, table, column));
}

function anyTable(globs: readonly string[]): TableMatcher {
  const matchers = globs.map((text) => {
    const glob = splitTable(text);
    const schema = globMatcher(glob.schema);
    const table = globMatcher(glob.table);
    return (s: string, t: string) => schema(s) && table(t);
  });
  return (schema, table) => matchers.some((matches) => matches(schema, table));
}

function globMatcher(glob: string): (name: string) => boolean {
  if (isLiteral(glob)) return (name) => name === glob;
  const pattern = Array.from(glob);
  return (name) => matches(pattern, Array.from(name));
}

/** Without backtracking beyond the last `*`, so never slower than pattern × name. */
function matches(pattern: readonly string[], name: readonly string[]): boolean {
  let at = 0;
  let star = -1;
  let starName = 0;
  let index = 0;
  while (index < name.length) {
    if (pattern[at] === '*') {
      star = at++;
      starName = index;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === name[index])) {
      at += 1;
      index += 1;
    } else if (star >= 0) {
      at = star + 1;
      index = ++starName;
    } else {
      return false;
    }
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}

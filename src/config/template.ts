/** What `keys.template` must be, so that no two rows share a key (SPEC §5). */
import { closest } from 'fastest-levenshtein';
import { shorten } from './report.ts';
import { isLiteral, splitTable } from './tables.ts';

const placeholders = ['sync', 'database', 'schema', 'table', 'key'];

/** The one schema and the one table that every item of `tables.include` names; null where they vary. */
export interface FixedNames {
  readonly schema: string | null;
  readonly table: string | null;
}

export function fixedNames(include: readonly string[]): FixedNames {
  const globs = include.map(splitTable);
  return {
    schema: theOnly(globs.map((glob) => glob.schema)),
    table: theOnly(globs.map((glob) => glob.table)),
  };
}

function theOnly(names: readonly string[]): string | null {
  const [name] = names;
  if (name === undefined || !isLiteral(name)) return null;
  return names.every((other) => other === name) ? name : null;
}

/** Each ends the sentence that the path begins. */
export function templateProblems(template: string, include: readonly string[]): string[] {
  return [
    ...characterProblems(template),
    ...placeholderProblems(template),
    ...keyProblems(template),
    ...ambiguities(template, fixedNames(include)),
  ];
}

function characterProblems(template: string): string[] {
  const problems: string[] = [];
  if (/\p{Cc}/u.test(template)) problems.push('must not hold control characters');
  if (template.includes('//')) problems.push('has an empty part: "//"');
  return problems;
}

function placeholderProblems(template: string): string[] {
  const problems: string[] = [];
  const rest = template.replace(/\{([^{}]*)\}/g, (_match, name: string) => {
    if (!placeholders.includes(name)) {
      const nearest = closest(shorten(name), placeholders);
      problems.push(
        `unknown placeholder {${shorten(name)}}; the nearest known one is {${nearest}}`,
      );
    }
    return '';
  });
  if (/[{}]/.test(rest)) problems.push('has a brace that belongs to no placeholder');
  return problems;
}

function keyProblems(template: string): string[] {
  if (template.split('{key}').length !== 2) return ['must hold {key} exactly once'];
  return template.endsWith('/{key}') ? [] : ['must end with "/{key}"'];
}

function ambiguities(template: string, fixed: FixedNames): string[] {
  const problems: string[] = [];
  const varying: string[] = [];
  for (const name of ['schema', 'table'] as const) {
    if (fixed[name] !== null) continue;
    varying.push(`{${name}}`);
    if (template.includes(`{${name}}`)) continue;
    problems.push(
      `needs {${name}}: it may be left out only where every item of tables.include names the same ${name}, without wildcards`,
    );
  }
  const crowded = template.split('/').some((part) => {
    const found = part.match(/\{(?:schema|table|key)\}/g) ?? [];
    return found.filter((name) => varying.includes(name)).length > 1;
  });
  if (crowded)
    problems.push('needs a "/" between {schema} and {table}: two tables could share a key');
  return problems;
}

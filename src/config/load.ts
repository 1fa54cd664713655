/** A configuration file → Config, or everything that is wrong with it. */
import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { checkDraft } from './checks.ts';
import type { Config } from './config.ts';
import type { Environment } from './expand.ts';
import { type Draft, deepFreeze, namesOf, toDraft, toSync } from './normalise.ts';
import { Reader, type ReaderOptions } from './reader.ts';
import { childPath, Report, type Violation } from './report.ts';
import { fileSchema } from './schema.ts';
import { readSingleForm } from './single-form.ts';
import { parseYaml } from './yaml.ts';

export type LoadResult =
  | { readonly config: Config }
  /** Never empty. */
  | { readonly violations: readonly Violation[] };

export interface ReadOptions {
  /** For `${VAR}`. */
  readonly env: Environment;
  /** The default of `instance`. */
  readonly hostname: string;
}

export interface LoadOptions extends ReadOptions {
  /** Name of the file: what it names by a relative path is beside it. */
  readonly file: string;
  /** Reads the text of a file that the configuration names. @throws when it cannot be read. */
  readonly readFile: (path: string) => string;
}

/** Pure but for `readFile`; never throws. The Config is deeply frozen. */
export function loadConfig(text: string, options: LoadOptions): LoadResult {
  const source = parseYaml(text);
  if ('violations' in source) return source;
  const report = new Report();
  report.locate('', 1);
  const folder = dirname(options.file);
  const draft = readDraft(
    {
      source,
      report,
      env: options.env,
      readFile: (path) => options.readFile(isAbsolute(path) ? path : join(folder, path)),
    },
    options.hostname,
  );
  checkDraft(draft, report);
  const { violations } = report;
  return violations.length > 0 ? { violations } : { config: deepFreeze(draft.config) };
}

/** A file that cannot be read is a violation too. */
export function readConfigFile(file: string, options: ReadOptions): LoadResult {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    return { violations: [{ path: '', line: null, message: `cannot be read: ${code}` }] };
  }
  return loadConfig(text, { ...options, file, readFile: (path) => readFileSync(path, 'utf8') });
}

function readDraft(options: ReaderOptions, hostname: string): Draft {
  const reader = new Reader(options);
  const isSingle = reader.hasKey('database');
  if (isSingle && !reader.hasKey('syncs')) return readSingleForm(options, hostname);
  const content = reader.readRoot(fileSchema, ['database']);
  if (isSingle) {
    options.report.add(
      'database',
      'the older single form cannot stand beside syncs: move the database to syncs.<name>.database',
    );
  }
  const syncs = Object.entries(content.syncs).map(([name, sync]) => ({
    path: childPath('syncs', name),
    sync: toSync(sync, namesOf(name)),
  }));
  return toDraft(content, syncs, hostname);
}

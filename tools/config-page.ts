/**
 * Writes the tables of docs/configuration.md from the schema, behind the text that people wrote before them.
 *   npx tsx tools/config-page.ts
 */
import { readFile, writeFile } from 'node:fs/promises';
import {
  IsArray,
  IsBoolean,
  IsEnum,
  IsInteger,
  IsObject,
  IsRecord,
  type TObject,
  type TSchema,
} from 'typebox';
import { formatDuration } from '../src/config/duration.ts';
import { marksOf } from '../src/config/scalar.ts';
import { fileSchema, singleFileSchema } from '../src/config/schema.ts';
import { databaseProperties, syncSchema } from '../src/config/schema-sync.ts';

const file = new URL('../docs/configuration.md', import.meta.url);
const mark = '<!-- From here on written by tools/config-page.ts, from src/config/schema.ts. -->\n';
const head = '| key | default | values | what |\n|---|---|---|---|\n';

/** The page as it should be. */
export async function configPage(): Promise<string> {
  const [text = ''] = (await committedConfigPage()).split(mark);
  return `${text}${mark}${sections().join('')}`;
}

export function committedConfigPage(): Promise<string> {
  return readFile(file, 'utf8');
}

function sections(): string[] {
  const { api, etcd, ...rest } = fileSchema.properties;
  return [
    section('The service', rows(rest)),
    section('`api`', rows({ api })),
    section('`etcd`', rows({ etcd })),
    ...syncSections(),
    section(
      'The older single form',
      `These stand under \`database\`, beside the keys that \`syncs.<name>.database\` has.\n\n${head}${olderRows()}`,
    ),
  ];
}

/** A table for each block of a sync, under the name that it has in the file. */
function syncSections(): string[] {
  const blocks = Object.entries(syncSchema.properties);
  const plain = blocks.filter(([, schema]) => !IsObject(schema));
  return [
    section('A sync: `syncs.<name>`', rows(Object.fromEntries(plain))),
    ...blocks
      .filter(([, schema]) => IsObject(schema))
      .map(([name, schema]) => section(`\`syncs.<name>.${name}\``, rows({ [name]: schema }))),
  ];
}

function olderRows(): string {
  const { database } = singleFileSchema.properties;
  const own = Object.entries(database.properties).filter(([name]) => !(name in databaseProperties));
  return own.map(([name, schema]) => row(`database.${name}`, schema)).join('');
}

function section(title: string, body: string): string {
  return `\n## ${title}\n\n${body}`;
}

function rows(properties: Readonly<Record<string, TSchema>>): string {
  return head + rowsOf(properties, '');
}

function rowsOf(properties: Readonly<Record<string, TSchema>>, path: string): string {
  return Object.entries(properties)
    .map(([name, schema]) => {
      const key = path === '' ? name : `${path}.${name}`;
      if (IsObject(schema)) return ownRow(key, schema) + rowsOf(schema.properties, key);
      const items = IsArray(schema) ? (schema.items as TSchema) : null;
      const inner = items !== null && IsObject(items) ? rowsOf(items.properties, `${key}[]`) : '';
      return row(key, schema) + inner;
    })
    .join('');
}

/** A block has a row of its own only where it says more than its keys do. */
function ownRow(key: string, schema: TObject): string {
  return marksOf(schema).description === undefined ? '' : row(key, schema);
}

function row(key: string, schema: TSchema): string {
  const { secret, pem, description = '' } = marksOf(schema);
  const file = secret === true || pem === true ? ' \\*' : '';
  const cells = [defaultOf(schema), valuesOf(schema), plain(description)];
  return `| \`${key}\`${file} | ${cells.join(' | ')} |\n`;
}

/** What Markdown would take for something else stands as it is; code in backquotes stays code. */
function plain(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith('`') ? part : part.replaceAll(/[*<>_|[\]]/g, '\\$&')))
    .join('');
}

function defaultOf(schema: TSchema): string {
  const { default: value, defaultText, duration } = marksOf(schema);
  if (value === undefined) return plain(defaultText ?? 'required');
  return duration === true
    ? `\`${formatDuration(Number(value))}\``
    : `\`${JSON.stringify(value)}\``;
}

function valuesOf(schema: TSchema): string {
  const marks = marksOf(schema);
  if (IsEnum(schema)) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (IsBoolean(schema)) return '`true`, `false`';
  if (IsInteger(schema)) return range(schema);
  if (marks.expects !== undefined) return plain(marks.expects);
  if (IsRecord(schema)) return `a map; each name: ${plain(marks.keyExpects ?? 'a text')}`;
  if (IsArray(schema)) return listOf(schema);
  if (IsObject(schema)) return 'a block';
  if (marks.pem === true) return 'PEM text, or the path of a file with it';
  return `a text${limits(marks)}`;
}

function range(schema: TSchema): string {
  const { minimum = 0, maximum = 0, duration } = marksOf(schema);
  const bound = (value: number) => (duration === true ? formatDuration(value) : String(value));
  return `${bound(minimum)} to ${bound(maximum)}`;
}

function listOf(schema: TSchema & { items: unknown }): string {
  const { minItems = 0, maxItems = 0, orOne } = marksOf(schema);
  const items = schema.items as TSchema;
  const one = plain(marksOf(items).expects ?? (IsObject(items) ? 'a block' : 'a text'));
  const alone = orOne === true ? 'one, or ' : '';
  return `${alone}a list of ${minItems} to ${maxItems}; each: ${one}`;
}

function limits({ minLength, maxLength, maxBytes }: ReturnType<typeof marksOf>): string {
  const from = minLength ?? 0;
  if (maxBytes !== undefined) return ` of ${from} to ${maxBytes} bytes`;
  if (maxLength !== undefined) return ` of ${from} to ${maxLength} characters`;
  return from > 0 ? ` of ${from} or more characters` : '';
}

if (import.meta.filename === process.argv[1]) await writeFile(file, await configPage());

/**
 * Where the rows of a table are: `keys.template` of SPEC §5, rendered up to `{key}`. A rendered prefix ends with
 * `/`, and parts hold no `/`, so the prefix of one table is never a prefix of another's keys.
 */
export interface TemplateScope {
  readonly sync: string;
  readonly database: string;
}

export type PrefixOf = (schema: string, table: string) => string;

// C0, DEL and C1 are the control characters of Unicode (category Cc).
const unsafe = /[\u0000-\u001f\u007f-\u009f/%]/;
const unsafeEach = /[\u0000-\u001f\u007f-\u009f/%]/g;

function percentEncode(character: string): string {
  let encoded = '';
  for (const byte of Buffer.from(character, 'utf8')) {
    encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

/** One part of a key: raw text, with what would make it ambiguous percent-encoded; an empty part is a lone `%`. */
export function escapeKeyPart(text: string): string {
  if (text === '') return '%';
  return unsafe.test(text) ? text.replace(unsafeEach, percentEncode) : text;
}

/** `template` was validated by the configuration: `{key}` stands last, once, after a `/`. */
export function compileTemplate(template: string, scope: TemplateScope): PrefixOf {
  const withoutKey = template.slice(0, template.lastIndexOf('{key}'));
  const pieces = withoutKey.split(/\{(sync|database|schema|table)\}/);
  return (schema, table) => {
    const values = { ...scope, schema, table };
    return pieces
      .map((piece, index) =>
        index % 2 === 0 ? piece : escapeKeyPart(values[piece as keyof typeof values]),
      )
      .join('');
  };
}

/**
 * The part of the template that is the same for every table: the prefix of the sync. Empty or `/` when the
 * template does not begin with a name of its own.
 */
export function syncPrefix(template: string, scope: TemplateScope): string {
  const varying = template.search(/\{(schema|table|key)\}/);
  const literal = template.slice(0, varying);
  return literal
    .replaceAll('{sync}', () => escapeKeyPart(scope.sync))
    .replaceAll('{database}', () => escapeKeyPart(scope.database));
}

/** The first key after all keys that begin with `prefix` (etcd's range end), by code units as etcd sees bytes. */
export function prefixEnd(prefix: string): string {
  const last = prefix.charCodeAt(prefix.length - 1);
  // Every prefix of rows ends with '/', so the next character is '0' and no carry can happen.
  return prefix.slice(0, -1) + String.fromCharCode(last + 1);
}

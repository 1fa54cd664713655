// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test
import fc from 'fast-check';
import { test } from 'vitest';
import { load } from './loading.ts';

const words = [
  'etcd',
  'syncs',
  'database',
  'host',
  'name',
  'password',
  'password_file',
  'tables',
  'include',
  'keys',
  'template',
  'columns',
  'tls',
  'ca',
  'connection',
  'storage',
  'endpoints',
  'tokens',
  '__proto__',
  'constructor',
  'a.b',
  'localhost:1',
  '/{sync}/{key}',
  '${A}',
  '${',
  '$$',
  '*a',
  '&a',
  '<<',
  '!!x',
  '? ',
  '|',
  '"',
  "'",
  '[',
  ']',
  '{',
  '}',
  ': ',
  ', ',
  '\n',
  '\n  ',
  '\n    ',
  '- ',
  '#',
  '~',
  '\t',
  '1',
  'true',
  '5s',
  '\u0000',
  '\ud800',
  '😀',
  '---\n',
  '%',
  '-----BEGIN ',
];

test('no text makes the loader throw, and it answers with a Config or with violations', () => {
  const text = fc.array(fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 4 })), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(text, (pieces) => answers(pieces.join(''))),
    { numRuns: 1500 },
  );
});

test('no document makes the loader throw', () => {
  const { document } = fc.letrec((tie) => ({
    document: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom(...words, 1, true, null, 1.5),
      fc.array(tie('document'), { maxLength: 4 }),
      fc.dictionary(fc.constantFrom(...words), tie('document'), { maxKeys: 6 }),
    ),
  }));
  fc.assert(
    fc.property(document, (value) => answers(JSON.stringify(value))),
    { numRuns: 1500 },
  );
});

function answers(text: string): boolean {
  const result = load(text, { env: { A: 'a' }, files: { '/etc/a': 'x' } });
  return (
    'config' in result ||
    (result.violations.length > 0 && result.violations.every(({ message }) => message !== ''))
  );
}

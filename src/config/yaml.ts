/** YAML text → nodes with their lines; what is wrong with the syntax. */
import {
  type Alias,
  type Document,
  LineCounter,
  type Node,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml';
import type { Violation } from './report.ts';

const maxChars = 262_144;
const maxAliases = 100;
/** Deep blocks stand behind a long run of indentation and indicators; thousands of them exhaust the parser. */
const deepPrefix = /^[ \t?:-]{200}/m;

/** The library's own messages quote the file, and so perhaps a secret. */
const syntaxMessages = {
  ALIAS_PROPS: 'an alias cannot have an anchor or a tag',
  BAD_ALIAS: 'an alias without its anchor, or with a name that is none',
  BAD_DIRECTIVE: 'a directive (%) that is not known',
  BAD_DQ_ESCAPE: 'an escape sequence that is not known in a double-quoted text',
  BAD_INDENT: 'the indentation does not fit the lines around it',
  BAD_PROP_ORDER: 'an anchor or tag at the wrong place',
  BAD_SCALAR_START: 'a text that starts with a character with a meaning of its own: quote it',
  BLOCK_AS_IMPLICIT_KEY: 'a nested mapping on one line: quote the text, or start a new line',
  BLOCK_IN_FLOW: 'an indented block inside [ ] or { }',
  DUPLICATE_KEY: 'the key stands there twice',
  IMPOSSIBLE: 'not understood',
  KEY_OVER_1024_CHARS: 'a key that is longer than 1024 characters',
  MISSING_CHAR: 'a character is missing: a quote, a bracket, a comma, or a space after ":"',
  MULTILINE_IMPLICIT_KEY:
    'a key goes on over a line end: is a ":" missing, or the indentation wrong?',
  MULTIPLE_ANCHORS: 'two anchors on one value',
  MULTIPLE_DOCS: 'more than one document (---) in the file',
  MULTIPLE_TAGS: 'two tags on one value',
  NON_STRING_KEY: 'a key that is no text',
  RESOURCE_EXHAUSTION: 'nested too deeply',
  TAB_AS_INDENT: 'a tab in the indentation: use spaces',
  TAG_RESOLVE_FAILED: 'a tag (!) that is not known, or a value that does not fit it',
  UNEXPECTED_TOKEN: 'something that cannot stand here',
  BAD_COLLECTION_TYPE: 'a mapping or list with the tag of another type',
} as const satisfies Record<YAMLError['code'], string>;

export interface YamlSource {
  readonly document: Document;
  readonly root: Node | null;
  lineOf(node: Node): number | null;
}

/** @returns the nodes, or every syntax error. Duplicate keys are the reader's, who knows their paths. */
export function parseYaml(
  text: string,
): YamlSource | { readonly violations: readonly Violation[] } {
  if (text.length > maxChars) return whole(`is larger than ${maxChars} characters`);
  if (deepPrefix.test(text)) return whole('is nested too deeply');
  const lineCounter = new LineCounter();
  const lineAt = (offset: number) => lineCounter.linePos(offset).line;
  const document = parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false });
  // Warnings too: a tag that is not known would else be dropped in silence.
  const errors = [...document.errors, ...document.warnings];
  if (errors.length > 0) {
    return { violations: errors.map((error) => toViolation(error, lineAt(error.pos[0]))) };
  }
  const aliases = aliasesOf(document);
  if (aliases === null) return whole('is nested too deeply');
  if (aliases.length > maxAliases) return whole(`has more than ${maxAliases} aliases`);
  const dangling = aliases.filter((alias) => alias.resolve(document) === undefined);
  if (dangling.length > 0) {
    return {
      violations: dangling.map((alias) => ({
        path: '',
        line: alias.range ? lineAt(alias.range[0]) : null,
        message: `YAML: ${syntaxMessages.BAD_ALIAS}`,
      })),
    };
  }
  return {
    document,
    root: document.contents,
    lineOf: (node) => (node.range ? lineAt(node.range[0]) : null),
  };
}

function whole(message: string): { violations: Violation[] } {
  return { violations: [{ path: '', line: null, message: `the file ${message}` }] };
}

function toViolation(error: YAMLError, line: number): Violation {
  return { path: '', line, message: `YAML: ${syntaxMessages[error.code] ?? 'not understood'}` };
}

/** null: the nodes are nested too deeply to be visited. */
function aliasesOf(document: Document): Alias[] | null {
  const aliases: Alias[] = [];
  try {
    visit(document, {
      Alias: (_key, alias) => {
        aliases.push(alias);
      },
    });
  } catch (error) {
    if (error instanceof RangeError) return null; // the stack
    throw error;
  }
  return aliases;
}

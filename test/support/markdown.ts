/** The documents of the project, and what stands in them: code blocks, headings, links. */
import { readdirSync, readFileSync } from 'node:fs';

export interface Page {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
  /** Without code blocks. */
  readonly prose: string;
  readonly blocks: readonly Block[];
}

export interface Block {
  readonly language: string;
  readonly text: string;
  /** Of its first fence. */
  readonly line: number;
}

const root = new URL('../../', import.meta.url);
/** In a list, a block is indented. */
const fence = /^( *)```(\w*)[^\n]*\n([\s\S]*?)^\1```$/gm;

/** README.md and every page of docs/. */
export function pages(): readonly Page[] {
  const docs = readdirSync(new URL('docs/', root)).filter((name) => name.endsWith('.md'));
  return ['README.md', ...docs.sort().map((name) => `docs/${name}`)].map(readPage);
}

export function readPage(path: string): Page {
  const text = readFileSync(new URL(path, root), 'utf8');
  const blocks = [...text.matchAll(fence)].map((match) => ({
    language: match[2] ?? '',
    text: (match[3] ?? '').replaceAll(new RegExp(`^${match[1]}`, 'gm'), ''),
    line: text.slice(0, match.index).split('\n').length,
  }));
  return { path, text, prose: text.replace(fence, ''), blocks };
}

/** Anchors of the headings, as GitHub makes them. */
export function anchors({ prose }: Page): ReadonlySet<string> {
  const found = new Set<string>();
  for (const [, title = ''] of prose.matchAll(/^#+ (.*)$/gm)) {
    const plain = title.toLowerCase().replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    const slug = plain.replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, '').replaceAll(' ', '-');
    const taken = [...found].filter((known) => known.replace(/-\d+$/, '') === slug).length;
    found.add(taken === 0 ? slug : `${slug}-${taken}`);
  }
  return found;
}

/** Targets of the links in the prose. */
export function links({ prose }: Page): readonly string[] {
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => String(target));
}

/**
 * Writes the table of docs/errors.md from src/errors.ts, behind the text that people wrote before it.
 *   npx tsx tools/errors-page.ts
 */
import { readFile, writeFile } from 'node:fs/promises';
import { errorCodes } from '../src/errors.ts';

const file = new URL('../docs/errors.md', import.meta.url);
const head = '| code | what happened | recovery | HTTP | remedy |\n|---|---|---|---|---|\n';

/** The page as it should be. */
export async function errorsPage(): Promise<string> {
  const [text = ''] = (await committedErrorsPage()).split(head);
  const rows = Object.entries(errorCodes).map(([code, entry]) => {
    const cells = [`\`${code}\``, entry.text, entry.recovery, entry.status ?? '', entry.remedy];
    return `| ${cells.join(' | ')} |\n`;
  });
  return `${text}${head}${rows.join('')}`;
}

export function committedErrorsPage(): Promise<string> {
  return readFile(file, 'utf8');
}

if (import.meta.filename === process.argv[1]) await writeFile(file, await errorsPage());

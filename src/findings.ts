/** Findings → the table that `watcher check` prints. Pure. */
import type { Finding } from './replication/driver.ts';

export interface FindingSection {
  readonly title: string;
  readonly findings: readonly Finding[];
}

const marks = { ok: 'ok', warning: 'WARNING', failure: 'FAILURE' } as const satisfies Record<
  Finding['level'],
  string
>;
const markWidth = Math.max(...Object.values(marks).map((mark) => mark.length));
const maxSubjectWidth = 40;

/** A remedy stands under its finding, each of its lines by itself, so that SQL can be copied. */
export function formatFindings(sections: readonly FindingSection[]): string {
  const lines: string[] = [];
  for (const { title, findings } of sections) {
    lines.push(title);
    const widths = findings.map(({ subject }) => subject.length);
    const width = Math.min(maxSubjectWidth, Math.max(0, ...widths));
    for (const { level, subject, message, remedy } of findings) {
      lines.push(`  ${marks[level].padEnd(markWidth)}  ${subject.padEnd(width)}  ${message}`);
      const indent = ' '.repeat(markWidth + width + 6);
      if (remedy !== '') lines.push(...remedy.split('\n').map((line) => `${indent}${line}`));
    }
    lines.push('');
  }
  const count = (level: Finding['level']): number =>
    sections.reduce(
      (sum, { findings }) => sum + findings.filter((f) => f.level === level).length,
      0,
    );
  lines.push(`${many(count('failure'), 'failure')}, ${many(count('warning'), 'warning')}`);
  return `${lines.join('\n')}\n`;
}

function many(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

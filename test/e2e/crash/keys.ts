/** Keys in etcd, of the rows of the crash test. */

/** The columns that make the key. */
export const keyColumns: Readonly<Record<string, readonly string[]>> = {
  items: ['id'],
  pairs: ['a', 'b'],
  seats: ['pos'],
  blobs: ['id'],
  logs: ['id', 'day'],
  bulk: ['id'],
};

function escapePart(text: string): string {
  if (text === '') return '%';
  return text.replaceAll('%', '%25').replaceAll('/', '%2F').replaceAll('\n', '%0A');
}

/** Under the prefix of the rows. */
export function keyOf(table: string, value: string): string {
  const row = JSON.parse(value) as Record<string, string | number>;
  const parts = (keyColumns[table] ?? []).map((column) => escapePart(String(row[column])));
  return `${table}/${parts.join('/')}`;
}

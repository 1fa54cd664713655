/** Names and texts inside SQL that has no parameters. Every connection sets sql_mode = '': backslashes escape. */

interface TableName {
  readonly schema: string;
  readonly name: string;
}

/** we`ird → `we``ird` */
export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** `it's` → `'it\'s'`. */
export function quoteText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\0', '\\0')}'`;
}

export function quoteTable(table: TableName): string {
  return `${quoteName(table.schema)}.${quoteName(table.name)}`;
}

/** `user@host` as CURRENT_USER() gives it → `'user'@'host'`, for GRANT. */
export function quoteAccount(account: string): string {
  const at = account.lastIndexOf('@');
  if (at < 0) return quoteText(account);
  return `${quoteText(account.slice(0, at))}@${quoteText(account.slice(at + 1))}`;
}

/**
 * The id of a table for the core. The server has none that the log shows and that outlives an ALTER TABLE, so it is
 * the name, quoted: a name may hold a dot. After DROP and CREATE it is the same; the stream then asks for a dump.
 */
export function tableIdOf(schema: string, name: string): string {
  return quoteTable({ schema, name });
}

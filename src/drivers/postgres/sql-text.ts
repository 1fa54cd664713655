/** Names and texts inside SQL that has no parameters: DDL, COPY and replication commands. */

/** `we"ird` → `"we""ird"`. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** With standard_conforming_strings=on, which every connection sets: `it's` → `'it''s'`. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function quoteTable(table: { readonly schema: string; readonly name: string }): string {
  return `${quoteName(table.schema)}.${quoteName(table.name)}`;
}

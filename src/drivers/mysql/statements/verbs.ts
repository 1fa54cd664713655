/** What statements do, by their first word; those that define something are looked at closer (definition.ts). */

/** Change no rows that are in tables. */
export const harmlessVerbs: ReadonlySet<string> = new Set([
  'CACHE',
  'CHECK',
  'CHECKSUM',
  'FLUSH',
  'GRANT',
  'INSTALL',
  'KILL',
  'LOCK',
  'PURGE',
  'RESET',
  'REVOKE',
  'SET',
  'SHOW',
  'UNINSTALL',
  'UNLOCK',
  'USE',
]);

/** Change rows: with binlog_format = ROW they are not in the log as statements. SELECT may call what changes rows. */
export const dataVerbs: ReadonlySet<string> = new Set([
  'BINLOG',
  'CALL',
  'DELETE',
  'DO',
  'EXECUTE',
  'HANDLER',
  'IMPORT',
  'INSERT',
  'LOAD',
  'MERGE',
  'REPLACE',
  'SELECT',
  'TABLE',
  'UPDATE',
  'VALUES',
  'WITH',
]);

/** What CREATE, ALTER and DROP may be about that holds no rows. */
export const harmlessObjects: ReadonlySet<string> = new Set([
  'CATALOG',
  'EVENT',
  'FUNCTION',
  'INSTANCE',
  'LIBRARY',
  'LOGFILE',
  'PACKAGE',
  'PROCEDURE',
  // SPATIAL REFERENCE SYSTEM
  'REFERENCE',
  // RESOURCE GROUP
  'RESOURCE',
  'ROLE',
  'SERVER',
  'TABLESPACE',
  'TRIGGER',
  'USER',
  'VIEW',
]);

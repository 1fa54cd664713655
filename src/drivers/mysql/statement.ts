/** What the text of a QUERY event means for a reader of the log. */

export type Statement =
  | { readonly kind: 'begin' | 'commit' | 'rollback' }
  | { readonly kind: 'savepoint' | 'rollback_to' | 'release'; readonly name: string }
  | {
      readonly kind: 'xa';
      readonly verb: 'start' | 'end' | 'prepare' | 'commit' | 'rollback';
      /** In the form of `xaIdentifier`: X'6131',X'',1 */
      readonly xid: string;
      readonly onePhase: boolean;
    }
  /** Changes no rows that are in tables: accounts, views, routines, settings. */
  | { readonly kind: 'harmless' }
  /** Changes tables; its effects happen in this order, and together. */
  | { readonly kind: 'tables'; readonly effects: readonly TableEffect[] }
  /** Changes rows, and was logged as a statement. */
  | { readonly kind: 'dml'; readonly verb: string }
  | { readonly kind: 'unknown' };

export interface TableName {
  readonly schema: string;
  readonly table: string;
}

export type TableEffect =
  | { readonly kind: 'create' | 'alter' | 'drop' | 'truncate'; readonly name: TableName }
  | { readonly kind: 'rename'; readonly name: TableName; readonly to: TableName }
  | { readonly kind: 'create_database' | 'drop_database'; readonly schema: string };

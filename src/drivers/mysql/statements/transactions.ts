/** Transaction control, as the servers write it to the log. Source: MySQL, "Transactional and Locking Statements". */
import type { Statement } from '../statement.ts';
import type { Cursor } from './cursor.ts';
import type { Token } from './tokens.ts';

const unknown: Statement = { kind: 'unknown' };

/** @returns null when the statement is about something else. */
export function transactionStatement(verb: string, cursor: Cursor): Statement | null {
  switch (verb) {
    case 'BEGIN':
      // MariaDB: BEGIN NOT ATOMIC is a block of statements.
      return cursor.keyword === 'NOT' ? unknown : { kind: 'begin' };
    case 'START':
      return cursor.skip('TRANSACTION') ? { kind: 'begin' } : unknown;
    case 'COMMIT':
      return { kind: 'commit' };
    case 'ROLLBACK':
      return rollback(cursor);
    case 'SAVEPOINT':
      return named('savepoint', cursor);
    case 'RELEASE':
      return cursor.skip('SAVEPOINT') ? named('release', cursor) : unknown;
    case 'XA':
      return distributed(cursor);
    default:
      return null;
  }
}

function rollback(cursor: Cursor): Statement {
  cursor.skip('WORK');
  if (!cursor.skip('TO')) return { kind: 'rollback' };
  cursor.skip('SAVEPOINT');
  return named('rollback_to', cursor);
}

/** Savepoints are the same whatever the case of their names is. */
function named(kind: 'savepoint' | 'rollback_to' | 'release', cursor: Cursor): Statement {
  const name = cursor.name();
  return name === null ? unknown : { kind, name: name.toLowerCase() };
}

const verbs = {
  START: 'start',
  BEGIN: 'start',
  END: 'end',
  PREPARE: 'prepare',
  COMMIT: 'commit',
  ROLLBACK: 'rollback',
} as const;

function distributed(cursor: Cursor): Statement {
  const word = cursor.step()?.upper ?? '';
  if (!(word in verbs)) return unknown;
  const xid = readXid(cursor);
  if (xid === null) return unknown;
  const verb = verbs[word as keyof typeof verbs];
  return { kind: 'xa', verb, xid, onePhase: cursor.skip('ONE', 'PHASE') };
}

/** `'a'`, `X'61',X'62'`, `'a',0x62,3` → X'61',X'62',3 */
function readXid(cursor: Cursor): string | null {
  const global = hexOf(cursor.step());
  if (global === null) return null;
  const branch = cursor.symbol(',') ? hexOf(cursor.step()) : '';
  if (branch === null) return null;
  const format = cursor.symbol(',') ? Number(cursor.step()?.text) : 1;
  return Number.isInteger(format) ? `X'${global}',X'${branch}',${format}` : null;
}

function hexOf(token: Token | null): string | null {
  switch (token?.kind) {
    case 'string':
    case 'double':
      return Buffer.from(token.text).toString('hex');
    case 'bits':
      return /^(?:[0-9a-f]{2})*$/i.test(token.text) ? token.text.toLowerCase() : null;
    case 'word':
      return /^0x(?:[0-9a-f]{2})+$/i.test(token.text) ? token.text.slice(2).toLowerCase() : null;
    default:
      return null;
  }
}

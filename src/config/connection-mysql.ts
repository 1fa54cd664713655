/**
 * Connection strings of MySQL and MariaDB, as `database.connection` of the older form takes them: the DSN of
 * go-sql-driver (`user:password@tcp(host:port)/name?tls=…`) or a `mysql://` URL. Problems never quote the string,
 * which holds a password. Source: https://github.com/go-sql-driver/mysql#dsn-data-source-name.
 */
import type { Connection } from './connection.ts';

/** `tls` of a DSN. */
const dsnTls: Readonly<Record<string, string>> = {
  true: 'verify-full',
  'skip-verify': 'require',
  preferred: 'prefer',
  false: 'disable',
};

/** `ssl-mode` of a URL, as the clients of MySQL have it. */
const urlTls: Readonly<Record<string, string>> = {
  disabled: 'disable',
  preferred: 'prefer',
  required: 'require',
  verify_ca: 'verify-ca',
  verify_identity: 'verify-full',
};

const malformed = 'is neither a DSN (user:password@tcp(host:port)/name) nor a mysql:// URL';

export function parseMysqlConnection(text: string): Connection {
  try {
    return /^(?:mysql|mariadb):\/\//.test(text) ? parseUrl(text) : parseDsn(text);
  } catch {
    // The cause may quote the string.
    return { problem: malformed };
  }
}

/** The last `@` before the last `/` ends the password, which may hold both. */
function parseDsn(text: string): Connection {
  const [address = '', query = ''] = splitAt(text, '?', text.lastIndexOf('/'));
  const slash = address.lastIndexOf('/');
  if (slash < 0) return { problem: malformed };
  const server = address.slice(0, slash);
  const at = server.lastIndexOf('@');
  const match = /^(?:(tcp|unix)\((.*)\))?$/s.exec(server.slice(at + 1));
  if (match === null) return { problem: malformed };
  const [, network, place = ''] = match;
  const values = new Map<string, string>();
  if (at >= 0) setAccount(values, server.slice(0, at));
  if (network === 'unix') values.set('host', place);
  else if (place !== '') setAddress(values, place);
  set(values, 'name', decodeURIComponent(address.slice(slash + 1)));
  return withTls(values, query, 'tls', dsnTls);
}

function parseUrl(text: string): Connection {
  const url = new URL(text);
  const values = new Map<string, string>();
  set(values, 'user', decodeURIComponent(url.username));
  set(values, 'password', decodeURIComponent(url.password));
  set(values, 'host', url.hostname.replace(/^\[(.*)\]$/, '$1'));
  set(values, 'port', url.port);
  set(values, 'name', decodeURIComponent(url.pathname.slice(1)));
  return withTls(values, url.search.slice(1), 'ssl-mode', urlTls);
}

function withTls(
  values: Map<string, string>,
  query: string,
  name: string,
  modes: Readonly<Record<string, string>>,
): Connection {
  for (const [key, value] of new URLSearchParams(query)) {
    const mode = modes[value.toLowerCase()];
    if (key !== name) return { problem: `has a parameter that is not ${name}: remove it` };
    if (mode === undefined) {
      return { problem: `has a ${name} that is not one of ${Object.keys(modes).join(', ')}` };
    }
    values.set('tls.mode', mode);
  }
  return { values };
}

function setAccount(values: Map<string, string>, account: string): void {
  const colon = account.indexOf(':');
  set(values, 'user', colon < 0 ? account : account.slice(0, colon));
  if (colon >= 0) set(values, 'password', account.slice(colon + 1));
}

function setAddress(values: Map<string, string>, address: string): void {
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(address);
  if (match === null) throw new RangeError('not an address');
  set(values, 'host', match[1] ?? match[2] ?? '');
  set(values, 'port', match[3] ?? '');
}

/** An empty value is the default. */
function set(values: Map<string, string>, path: string, value: string): void {
  if (value !== '') values.set(path, value);
}

function splitAt(text: string, separator: string, after: number): [string, string] {
  const at = text.indexOf(separator, Math.max(after, 0));
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

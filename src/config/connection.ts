/**
 * Connection strings of libpq, as `database.connection` of the older form takes them: keywords and values, or a URI.
 * Source: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING. Problems never quote the
 * string, which holds a password; an unquoted password with a space would even look like a keyword.
 */

/** Values by the path below `database`, for example `tls.mode`; only those that the string gives. */
export type Connection =
  | { readonly values: ReadonlyMap<string, string> }
  | { readonly problem: string };

const paths: Readonly<Record<string, string>> = {
  host: 'host',
  port: 'port',
  dbname: 'name',
  user: 'user',
  password: 'password',
  sslmode: 'tls.mode',
  sslrootcert: 'tls.ca',
};

/** Keywords of libpq that may be named in a message: no secret looks like them. */
const otherKeywords = [
  'application_name',
  'channel_binding',
  'client_encoding',
  'connect_timeout',
  'fallback_application_name',
  'gssencmode',
  'hostaddr',
  'keepalives',
  'keepalives_count',
  'keepalives_idle',
  'keepalives_interval',
  'krbsrvname',
  'load_balance_hosts',
  'options',
  'passfile',
  'replication',
  'require_auth',
  'requirepeer',
  'service',
  'ssl',
  'sslcert',
  'sslcompression',
  'sslcrl',
  'sslkey',
  'sslnegotiation',
  'sslpassword',
  'sslsni',
  'target_session_attrs',
  'tcp_user_timeout',
];

const severalHosts = 'names several hosts; one is supported';

export function parseConnection(text: string): Connection {
  const scheme = /^postgres(?:ql)?:\/\//.exec(text);
  const pairs = scheme === null ? parseKeywords(text) : parseUri(text.slice(scheme[0].length));
  return typeof pairs === 'string' ? { problem: pairs } : collect(pairs);
}

type Pairs = (readonly [keyword: string, value: string])[];

function collect(pairs: Pairs): Connection {
  const values = new Map<string, string>();
  for (const [keyword, value] of pairs) {
    const path = Object.hasOwn(paths, keyword) ? paths[keyword] : undefined;
    if (path === undefined) {
      const name = otherKeywords.includes(keyword)
        ? `"${keyword}"`
        : 'a keyword that libpq does not know';
      return { problem: `has ${name}, which is not supported here: remove it` };
    }
    if (path === 'host' && value.includes(',')) return { problem: severalHosts };
    if (isDefault(keyword, value)) values.delete(path);
    else values.set(path, value);
  }
  return { values };
}

/** As in libpq: an empty value is the default, and `system` are the authorities of the system, our default. */
function isDefault(keyword: string, value: string): boolean {
  return value === '' || (keyword === 'sslrootcert' && value === 'system');
}

/** `host=localhost password='with \' quote'`: `\` quotes the next character, within quotes and without. */
function parseKeywords(text: string): Pairs | string {
  const pairs: Pairs = [];
  const pair = /\s*([^\s=]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?!')(?:[^\s\\]|\\.)*))(?=\s|$)\s*/sy;
  while (pair.lastIndex < text.length) {
    const match = pair.exec(text);
    if (match === null) return 'is neither keywords and values of libpq nor a postgresql:// URL';
    pairs.push([match[1] ?? '', (match[2] ?? match[3] ?? '').replace(/\\(.)/gs, '$1')]);
  }
  return pairs;
}

const uri =
  /^(?:([^:@/]*)(?::([^@/]*))?@)?(\[[^\]]*\]|[^:/?,@[\]]*)(?::(\d*))?(,[^/?]*)?(?:\/([^?]*))?(?:\?(.*))?$/s;

/** `[user[:password]@][host][:port][/dbname][?keyword=value&…]`, each percent-decoded. */
function parseUri(text: string): Pairs | string {
  const match = uri.exec(text);
  if (match === null) return 'is no valid postgresql:// URL';
  const [, user, password, host, port, moreHosts, dbname, query] = match;
  if (moreHosts !== undefined) return severalHosts;
  const encoded: [string, string | undefined][] = [
    ['user', user],
    ['password', password],
    ['host', host?.replace(/^\[(.*)\]$/, '$1')],
    ['port', port],
    ['dbname', dbname],
  ];
  for (const parameter of query === undefined || query === '' ? [] : query.split('&')) {
    const [keyword, value, ...rest] = parameter.split('=');
    if (keyword === undefined || value === undefined || rest.length > 0) {
      return 'has a URL parameter that is not keyword=value';
    }
    // libpq takes the name that JDBC has for it.
    if (keyword === 'ssl' && value === 'true') encoded.push(['sslmode', 'require']);
    else encoded.push([keyword, value]);
  }
  return decodeAll(encoded);
}

function decodeAll(encoded: readonly (readonly [string, string | undefined])[]): Pairs | string {
  const pairs: Pairs = [];
  for (const [keyword, value] of encoded) {
    if (value === undefined) continue;
    try {
      pairs.push([decodeURIComponent(keyword), decodeURIComponent(value)]);
    } catch {
      // A URIError says nothing more, and its cause may be a password.
      return 'has a "%" that does not begin a percent-encoded character; write "%25" for a "%"';
    }
  }
  return pairs;
}

/**
 * What a configuration file may hold: names, types, defaults, limits, descriptions. The reader, the redaction and
 * the reference page are driven by this schema, so a key is described here and nowhere else.
 *
 * Marks beside those of JSON Schema:
 * - `secret`: shown as `***`, and may be given as `<name>_file`.
 * - `pem`: PEM text, or the path of a file that holds it; may be given as `<name>_file` too.
 * - `duration`: written `<integer>ms|s|m|h`; the value, its default and its limits are milliseconds.
 * - `expects`: ends the sentence "must be …" where a pattern alone would say nothing to a person.
 * - `maxBytes`: limit of the UTF-8 bytes.
 * - `defaultText`: the default, where it depends on something else; the property is then optional here.
 *
 * A property that is not optional and has no default must be given; objects are filled with their own defaults.
 */
import { Type } from 'typebox';

const hourMs = 3_600_000;

function duration(defaultMs: number, description: string) {
  return Type.Integer({
    duration: true,
    default: defaultMs,
    minimum: 1,
    maximum: 24 * hourMs,
    description,
  });
}

function port(minimum: number) {
  return { minimum, maximum: 65_535 };
}

const host = {
  maxLength: 255,
  pattern: '^(?:[^\\s:,/@\\[\\]]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Za-z:.%]*)$',
  expects: 'a host name or an IP address, without port',
};

const drivers = ['pgx', 'postgres', 'mysql', 'mariadb'] as const;

const apiSchema = Type.Object({
  host: Type.String({ ...host, default: '127.0.0.1', description: 'Address to listen on.' }),
  port: Type.Integer({
    ...port(0),
    default: 8080,
    description: 'Port to listen on; 0: any free one.',
  }),
  tokens: Type.Array(
    Type.Object({
      name: Type.String({ minLength: 1, maxLength: 64, description: 'Name of the token in logs.' }),
      token: Type.String({
        secret: true,
        minLength: 16,
        maxLength: 1024,
        description: 'The bearer token.',
      }),
      role: Type.Enum(['read', 'admin'], { description: 'What the token allows.' }),
    }),
    {
      default: [],
      maxItems: 100,
      description: 'Empty: no authentication, and then only loopback is served.',
    },
  ),
  tls: Type.Optional(
    Type.Object(
      {
        cert: Type.String({ pem: true, description: 'Certificate of the server, with its chain.' }),
        key: Type.String({
          pem: true,
          secret: true,
          description: 'Private key of the certificate.',
        }),
      },
      { description: 'Serve HTTPS.', defaultText: 'none' },
    ),
  ),
});

const etcdSchema = Type.Object({
  endpoints: Type.Array(
    Type.String({
      maxLength: 300,
      pattern: '^(?:https?://)?(?:\\[[0-9A-Fa-f:.%a-z]+\\]|[^\\s:/?#@\\[\\]]+):[0-9]{1,5}/?$',
      expects: 'host:port, http://host:port or https://host:port',
    }),
    {
      minItems: 1,
      maxItems: 100,
      uniqueItems: true,
      description: 'The members of the etcd cluster.',
    },
  ),
  username: Type.String({ default: '', description: 'etcd user; empty: no authentication.' }),
  password: Type.String({ secret: true, default: '', description: 'Password of the etcd user.' }),
  dial_timeout: duration(60_000, 'How long a connection to etcd may take.'),
  tls: Type.Optional(
    Type.Object(
      {
        ca: Type.Optional(
          Type.String({
            pem: true,
            description: 'Certificate authorities to trust.',
            defaultText: 'those of the system',
          }),
        ),
        cert: Type.Optional(
          Type.String({ pem: true, description: 'Client certificate.', defaultText: 'none' }),
        ),
        key: Type.Optional(
          Type.String({
            pem: true,
            secret: true,
            description: 'Private key of the client certificate.',
            defaultText: 'none',
          }),
        ),
      },
      { description: 'Connect by TLS; https:// endpoints do so as well.', defaultText: 'none' },
    ),
  ),
  state_prefix: Type.String({
    default: '/watcher',
    maxLength: 512,
    pattern: '^(?:/[^/\\p{Cc}\\p{Cs}]+)+$',
    expects: 'a path that starts with "/" and does not end with one, without empty parts',
    description: "Where Watcher's own keys are; rows are never written under it.",
  }),
});

const databaseProperties = {
  host: Type.String({
    ...host,
    pattern: `${host.pattern}|^/\\S+$`,
    expects: 'a host name, an IP address or the folder of a Unix socket, without port',
    description: 'Server of the database.',
  }),
  port: Type.Optional(
    Type.Integer({
      ...port(1),
      description: 'Port of the server.',
      defaultText: '5432; mysql: 3306',
    }),
  ),
  name: Type.String({ minLength: 1, maxBytes: 63, description: 'Name of the database.' }),
  user: Type.String({
    default: 'watcher',
    minLength: 1,
    maxBytes: 63,
    description: 'Database user.',
  }),
  password: Type.String({
    secret: true,
    default: '',
    description: 'Password of the database user.',
  }),
  tls: Type.Object({
    mode: Type.Enum(['disable', 'prefer', 'require', 'verify-ca', 'verify-full'], {
      default: 'prefer',
      description: 'As sslmode of libpq.',
    }),
    ca: Type.Optional(
      Type.String({
        pem: true,
        description: 'Certificate authorities to trust.',
        defaultText: 'those of the system',
      }),
    ),
  }),
  retry_period: duration(1000, 'First back-off delay; it doubles, with jitter, up to 60s.'),
  connection_retries: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 1_000_000_000,
    description: 'Attempts in a row before the sync fails; 0: it never gives up.',
  }),
  replication_status_timeout: duration(
    10_000,
    'How often PostgreSQL is told the durable position.',
  ),
};

const tableGlobs = {
  pattern: '^[^.]+\\.[^]+$',
  maxLength: 256,
  expects: 'schema.table, where * and ? are wildcards',
};
const identifier = Type.String({ minLength: 1, maxLength: 64 });

const syncProperties = {
  autostart: Type.Boolean({
    default: true,
    description: 'Start with Watcher, unless the API said otherwise.',
  }),
  tables: Type.Object({
    include: Type.Array(Type.String(tableGlobs), {
      default: ['public.*'],
      minItems: 1,
      maxItems: 1000,
      description: 'Tables to replicate, as globs on schema.table.',
    }),
    exclude: Type.Array(Type.String(tableGlobs), {
      default: [],
      maxItems: 1000,
      description: 'Tables to leave out of them.',
    }),
  }),
  columns: Type.Object({
    exclude: Type.Array(
      Type.String({
        pattern: '^[^.]+\\.[^]+\\.[^.]+$',
        maxLength: 512,
        expects: 'schema.table.column, where * and ? are wildcards',
      }),
      { default: [], maxItems: 1000, description: 'Columns to leave out; a key column cannot be.' },
    ),
  }),
  keys: Type.Object({
    template: Type.String({
      default: '/{sync}/{schema}/{table}/{key}',
      minLength: 1,
      maxLength: 1024,
      description: 'The etcd key of a row, of {sync}, {database}, {schema}, {table} and {key}.',
    }),
    columns: Type.Record(
      Type.String(),
      Type.Array(identifier, { minItems: 1, maxItems: 32, uniqueItems: true }),
      {
        default: {},
        keyPattern: '^[^.]+\\.[^]+$',
        keyExpects: 'schema.table',
        description: 'By schema.table: the key of a table that has no primary key.',
      },
    ),
    adopt: Type.Boolean({
      default: false,
      description:
        'Take over a prefix that holds other keys; keys that are no rows are then deleted.',
    }),
  }),
  values: Type.Object({
    numbers: Type.Enum(['number', 'string'], {
      default: 'number',
      description: 'How 64-bit integers and decimals are written.',
    }),
  }),
  dump: Type.Object({
    mode: Type.Enum(['initial', 'never'], {
      default: 'initial',
      description: 'Whether the tables are copied first.',
    }),
    method: Type.Enum(['native', 'mysqldump'], {
      default: 'native',
      description: 'What copies them.',
    }),
    parallel: Type.Integer({
      default: 2,
      minimum: 1,
      maximum: 16,
      description: 'Tables copied at a time.',
    }),
  }),
  postgres: Type.Object({
    publication: Type.Optional(
      Type.String({
        minLength: 1,
        maxBytes: 63,
        description: 'Publication to read.',
        defaultText: 'watcherpub_<name>, "-" written "_"',
      }),
    ),
    slot: Type.Optional(
      Type.String({
        pattern: '^[a-z0-9_]{1,63}$',
        expects: '1 to 63 lower-case letters, digits and underscores',
        description: 'Replication slot.',
        defaultText: 'watchersub_<name>, "-" written "_"',
      }),
    ),
    manage_publication: Type.Boolean({
      default: true,
      description: 'Create the publication and keep it in step with tables.',
    }),
    failover: Type.Boolean({
      default: true,
      description: 'Make a failover slot where the server knows them (17).',
    }),
  }),
  mysql: Type.Object({
    server_id: Type.Union(
      [Type.Literal('auto'), Type.Integer({ minimum: 1, maximum: 4_294_967_295 })],
      {
        default: 'auto',
        expects: 'auto, or an integer from 1 to 4294967295',
        description: 'Server id of the replication client.',
      },
    ),
    charset: Type.String({
      default: 'utf8mb4',
      minLength: 1,
      maxLength: 64,
      description: 'Connection charset.',
    }),
  }),
};

export const syncSchema = Type.Object({
  driver: Type.Enum([...drivers], {
    default: 'pgx',
    description: 'Kind of database; postgres is pgx, mariadb is mysql.',
  }),
  database: Type.Object(databaseProperties),
  ...syncProperties,
});

const globalProperties = {
  log_level: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal'], {
    default: 'info',
    description: 'Least level that is logged.',
  }),
  instance: Type.Optional(
    Type.String({
      pattern: '^[^\\p{Cc}\\p{Cs}]{1,255}$',
      expects: '1 to 255 characters, none of them a control character',
      description: 'Name of this process in the API and in etcd.',
      defaultText: 'the host name',
    }),
  ),
  api: apiSchema,
  etcd: etcdSchema,
};

export const fileSchema = Type.Object({
  ...globalProperties,
  syncs: Type.Record(Type.String(), syncSchema, {
    minProperties: 1,
    keyPattern: '^[a-z0-9_-]{1,48}$',
    keyExpects: '1 to 48 lower-case letters, digits, "_" and "-"',
    description: 'The replications, by name.',
  }),
});

/** The older form: one database at the top, which is the sync `default`. The blocks of a sync stand beside it. */
export const singleFileSchema = Type.Object({
  ...globalProperties,
  database: Type.Object({
    ...databaseProperties,
    driver: Type.Optional(Type.Enum([...drivers])),
    type: Type.Optional(Type.Enum([...drivers])),
    dialect: Type.Optional(Type.Enum([...drivers])),
    connection: Type.Optional(Type.String({ secret: true })),
    storage: Type.Optional(Type.Enum(['json', 'nested'])),
  }),
  ...syncProperties,
});

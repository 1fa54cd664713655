/** What a sync may hold; see schema.ts. */
import { Type } from 'typebox';
import { duration, host, port } from './schema-values.ts';

export const drivers = ['pgx', 'postgres', 'mysql', 'mariadb'] as const;

export const databaseProperties = {
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
  name: Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
    orOne: true,
    minItems: 1,
    maxItems: 1000,
    uniqueItems: true,
    description: 'Name of the database; mysql: of one, or a list of them.',
  }),
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
      description: 'As sslmode of libpq: how much is asked of the connection to the database.',
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
    'How often PostgreSQL is told the durable position, and the longest that an idle sync leaves its checkpoint where it is.',
  ),
};

const tableGlobs = {
  pattern: '^[^.]+\\.[\\s\\S]+$',
  maxLength: 256,
  expects: 'schema.table, where * and ? are wildcards',
};
const identifier = Type.String({ minLength: 1, maxLength: 64 });

export const syncProperties = {
  autostart: Type.Boolean({
    default: true,
    description: 'Start with Watcher, unless the API said otherwise.',
  }),
  tables: Type.Object({
    include: Type.Optional(
      Type.Array(Type.String(tableGlobs), {
        minItems: 1,
        maxItems: 1000,
        description: 'Tables to replicate, as globs on schema.table; mysql: on database.table.',
        defaultText: '["public.*"]; mysql: every table of the databases',
      }),
    ),
    exclude: Type.Array(Type.String(tableGlobs), {
      default: [],
      maxItems: 1000,
      description: 'Tables to leave out of them, as globs.',
    }),
  }),
  columns: Type.Object({
    exclude: Type.Array(
      Type.String({
        pattern: '^[^.]+\\.[\\s\\S]+\\.[^.]+$',
        maxLength: 512,
        expects: 'schema.table.column, where * and ? are wildcards',
      }),
      {
        default: [],
        maxItems: 1000,
        description:
          'Columns to leave out, as globs on schema.table.column; a key column cannot be.',
      },
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
        keyPattern: '^[^.]+\\.[\\s\\S]+$',
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
      description:
        'How 64-bit integers and decimals are written: as JSON numbers or as JSON strings.',
    }),
  }),
  dump: Type.Object({
    mode: Type.Enum(['initial', 'never'], {
      default: 'initial',
      description: 'Whether the tables are copied first; never: the stream alone fills etcd.',
    }),
    method: Type.Enum(['native', 'mysqldump'], {
      default: 'native',
      description: 'What copies them; mysqldump: the tool of MySQL or MariaDB.',
    }),
    program: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 4096,
        description: 'Path of the tool of dump.method: mysqldump.',
        defaultText: 'mysqldump or mariadb-dump, on the PATH',
      }),
    ),
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
      description:
        'Create the publication and keep it in step with tables. One FOR ALL TABLES that exists is used, never altered.',
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
        description:
          'By which the server knows this reader of its binlog; every reader needs its own.',
      },
    ),
    charset: Type.Enum(['utf8mb4'], {
      default: 'utf8mb4',
      description: 'Connection charset; any other would lose characters.',
    }),
    on_unlogged_cascade: Type.Enum(['refuse', 'redump'], {
      default: 'refuse',
      description:
        'Tables whose rows foreign keys change without the log saying so: leave them out, or dump them again after such changes.',
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

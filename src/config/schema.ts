/**
 * What a configuration file may hold: names, types, defaults, limits, descriptions. The reader, the redaction and
 * the reference page are driven by this schema, so a key is described here and nowhere else.
 *
 * Marks beside those of JSON Schema:
 * - `secret`: shown as `***`, and may be given as `<name>_file`.
 * - `pem`: PEM text, or the path of a file that holds it; may be given as `<name>_file` too.
 * - `duration`: written `<integer>ms|s|m|h`; the value, its default and its limits are milliseconds.
 * - `expects`: ends the sentence "must be …" where a pattern alone would say nothing to a person.
 * - `orOne`: of a list; a single value stands for a list of it. In Config its name is in the plural.
 * - `maxBytes`: limit of the UTF-8 bytes.
 * - `defaultText`: the default, where it depends on something else; the property is then optional here.
 *
 * A property that is not optional and has no default must be given; objects are filled with their own defaults.
 */
import { Type } from 'typebox';
import { databaseProperties, drivers, syncProperties, syncSchema } from './schema-sync.ts';
import { duration, host, port } from './schema-values.ts';

const apiSchema = Type.Object({
  host: Type.String({
    ...host,
    default: '127.0.0.1',
    description: 'Address to listen on; without tokens a loopback address.',
  }),
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
        minLength: 1,
        maxLength: 1024,
        pattern: '^[\\x21-\\x7e]*$',
        expects: 'printable ASCII without blanks, as a header can carry it',
        description: 'The bearer token. One of fewer than 16 characters is warned of in the log.',
      }),
      role: Type.Enum(['read', 'admin'], {
        description: 'What the token allows: read is every GET, admin is everything.',
      }),
    }),
    {
      default: [],
      maxItems: 100,
      description:
        'Who may call the API. Empty: no authentication, and then only loopback is served.',
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
  dial_timeout: duration(
    60_000,
    'How long `watcher check` waits for etcd, at most 10 s; the service itself waits for ever.',
  ),
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
    default: {},
    keyPattern: '^[a-z0-9_-]{1,48}$',
    keyExpects: '1 to 48 lower-case letters, digits, "_" and "-"',
    description: 'The replications, by name; there may be none.',
  }),
});

/** The older form: one database at the top, which is the sync `default`. The blocks of a sync stand beside it. */
export const singleFileSchema = Type.Object({
  ...globalProperties,
  database: Type.Object({
    ...databaseProperties,
    driver: Type.Optional(
      Type.Enum([...drivers], {
        description: 'Kind of database; postgres is pgx, mariadb is mysql.',
        defaultText: 'pgx',
      }),
    ),
    type: Type.Optional(
      Type.Enum([...drivers], { description: 'Another name for driver.', defaultText: 'none' }),
    ),
    dialect: Type.Optional(
      Type.Enum([...drivers], { description: 'Another name for driver.', defaultText: 'none' }),
    ),
    connection: Type.Optional(
      Type.String({
        secret: true,
        description:
          'A libpq connection string or postgresql:// URL; mysql: a DSN or mysql:// URL. Keys of their own override it.',
        defaultText: 'none',
      }),
    ),
    storage: Type.Optional(
      Type.Enum(['json', 'nested'], {
        description: 'json is what Watcher writes; nested is refused.',
        defaultText: 'json',
      }),
    ),
  }),
  ...syncProperties,
});

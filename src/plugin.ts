/**
 * Watcher inside another Fastify server, the entry of the package:
 *
 *   import { watcher } from 'etcd-watcher';
 *   await app.register(watcher, { configFile: 'watcher.yml', prefix: '/replication', authenticate });
 *
 * 1. The API, the dashboard and the documentation stand under `prefix`; everything they set is theirs alone.
 * 2. The syncs start when the host is ready, and end when it closes: after its last request, before `close()` resolves.
 * 3. Signals, the address and TLS are the host's: `api.host`, `api.port` and `api.tls` of the file have no effect.
 * 4. The log is the host's, and so is its level: `log_level` has no effect.
 * 5. Tokens in the file or `authenticate` are mandatory: a host may listen anywhere.
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { env, versions } from 'node:process';
import type { FastifyBaseLogger, FastifyPluginAsync } from 'fastify';
import type { Authenticate } from './api/host-auth.ts';
import { api } from './api/plugin.ts';
import type { Config } from './config/config.ts';
import { type LoadResult, readConfigFile } from './config/load.ts';
import { formatViolation } from './config/report.ts';
import { WatcherError } from './errors.ts';
import { loggerOptions } from './logger.ts';
import { createService, type Service } from './service.ts';

export type { Authenticate, Role, Verdict } from './api/host-auth.ts';

export interface WatcherOptions {
  /** Path of the configuration file (YAML); relative to the working directory. */
  readonly configFile: string;
  /**
   * The host's own authentication, asked for every request that has no token of the file and needs one: a hook as
   * Fastify's `onRequest`, async or not, without `done`. It returns what the caller may do, `read` or `admin`, or nothing,
   * which lets the request pass as `admin`. To refuse, it returns null or false (401), throws an error with the
   * `statusCode` 401 or 403, or sends an answer of its own. Without it, the file has to have `api.tokens`.
   */
  readonly authenticate?: Authenticate;
  /** What `${VAR}` in the file stands for. By default the environment of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** As patient as the process of Watcher's own is with its syncs. */
const stopMs = 9_000;

/**
 * @throws WatcherError `config_invalid` at registration: with every violation of the file; when there are neither tokens
 * nor `authenticate`; without a prefix. What goes wrong later is in the status of the syncs, never thrown at the host.
 */
export const watcher: FastifyPluginAsync<WatcherOptions> = async (app, options) => {
  const { configFile, authenticate } = options;
  const read = (): LoadResult =>
    readConfigFile(configFile, { env: options.env ?? env, hostname: hostname() });
  const config = valid(read(), configFile);
  if (app.prefix === '') throw withoutPrefix();
  if (config.api.tokens.length === 0 && authenticate === undefined) throw withoutAuthentication();
  const logger = hostLogger(app.log);
  const service = createService({ config, logger, foreignLogger: true, reread: read });
  const { supervisor, configuration } = service;
  app.addHook('onReady', async () => service.start());
  app.addHook('onClose', () => stopInTime(service, logger));
  await app.register(api, {
    control: supervisor,
    configuration,
    version: packageVersion(),
    node: versions.node,
    tokens: () => configuration.current().api.tokens,
    // Should a reload take the last token away, nobody is let in rather than everybody.
    authenticate: authenticate ?? (() => null),
  });
};

/** Each violation in the message: a host prints that, and nothing else of an error is sure to be seen. */
function valid(result: LoadResult, configFile: string): Config {
  if ('config' in result) return result.config;
  const lines = result.violations.map((violation) => formatViolation(configFile, violation));
  throw new WatcherError('config_invalid', {
    message: ['The configuration of Watcher is not valid', ...lines].join('\n  '),
  });
}

/** Without one, what nobody answers in the host would be answered by Watcher. */
function withoutPrefix(): WatcherError {
  return new WatcherError('config_invalid', {
    message: 'Watcher inside another server needs a prefix of its own',
    remedy: 'Register the plugin with a prefix, for example /replication.',
  });
}

function withoutAuthentication(): WatcherError {
  return new WatcherError('config_invalid', {
    message:
      'Watcher inside another server needs to know who may call: the configuration has no api.tokens, and no `authenticate` was given',
    remedy:
      'Add api.tokens to the configuration, or register the plugin with authenticate: (request, reply) => "admin" | "read" | null.',
  });
}

/** Errors are logged as Watcher does it, for the host's way may show more of them than it should. */
function hostLogger(log: FastifyBaseLogger): FastifyBaseLogger {
  const { serializers = {} } = loggerOptions('info');
  return log.child({}, { serializers });
}

/** Nothing is lost when it is late: what is not durable is read again from the checkpoint. */
async function stopInTime(service: Service, log: FastifyBaseLogger): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      log.warn({}, 'Watcher did not end in time: abandoned');
      resolve();
    }, stopMs);
  });
  await Promise.race([service.stop(), late]);
  clearTimeout(timer);
}

function packageVersion(): string {
  const file = new URL('../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

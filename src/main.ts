/** The process: configuration, service, HTTP server, signals. The only file beside cli.ts that touches `process`. */

import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { Server as TlsServer } from 'node:tls';
import { setFlagsFromString } from 'node:v8';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { buildApp } from './api/app.ts';
import { replaceCertificate } from './api/tls.ts';
import type { CommandOptions } from './commands.ts';
import type { Config } from './config/config.ts';
import type { ConfigControl } from './config/control.ts';
import { type LoadResult, readConfigFile } from './config/load.ts';
import { formatViolation } from './config/report.ts';
import { createLogger } from './logger.ts';
import { createService, type Service } from './service.ts';

/** What is not done by then after a signal is abandoned: an orchestrator's patience is usually 10 s. */
const shutdownMs = 9_000;
/** A client that has sent half a request, or does not read its answer, is not waited for longer. */
const requestsMs = 3_000;
/** What is still open after the end is closed by the end of the process. */
const lingerMs = 250;

/**
 * Left alone, V8 lets the heap grow to four times what is in use before it collects it as a whole: 320 MB while small
 * transactions stream, of which 50 are in use. Twice costs no time that could be measured. V8 reads this flag anew whenever it
 * decides; the limits that are given on the command line are set once, before any of our code runs.
 */
const heapGrowth = '--heap-growing-percent=100';

/** @returns the exit code: 0 after a signal, 1 when it cannot serve, 2 when the configuration is invalid. */
export async function run({ configFile }: CommandOptions): Promise<number> {
  setFlagsFromString(heapGrowth);
  const config = loadOrReport(configFile);
  if (config === null) return 2;
  const logger = createLogger(config.logLevel);
  const stopped = untilSignal(logger);
  const service = createService({ config, logger, reread: () => readConfig(configFile) });
  const { configuration } = service;
  const app = buildApp({
    control: service.supervisor,
    logger,
    version: packageVersion(),
    node: process.versions.node,
    configuration,
    tokens: () => configuration.current().api.tokens,
    tls: config.api.tls,
  });
  configuration.onReload(({ logLevel, api }) => {
    logger.level = logLevel;
    if (api.tls !== null) replaceCertificate(app, api.tls);
  });
  reloadOnSignal(configuration, logger);
  try {
    await app.listen({ host: config.api.host, port: config.api.port });
  } catch (error) {
    logger.fatal({ err: error }, `cannot serve on ${config.api.host}:${config.api.port}`);
    await service.stop();
    return 1;
  }
  logger.info(
    { url: urlOf(app), version: packageVersion(), syncs: config.syncs.length },
    'serving',
  );
  service.start();
  await stopped;
  await shutDown(app, service, logger);
  // Unless nothing keeps the process; the log is written synchronously.
  setTimeout(() => process.exit(0), lingerMs).unref();
  return 0;
}

/** Prints every violation. */
export function loadOrReport(configFile: string): Config | null {
  const result = readConfig(configFile);
  if ('config' in result) return result.config;
  for (const violation of result.violations) {
    process.stderr.write(`${formatViolation(configFile, violation)}\n`);
  }
  return null;
}

function readConfig(configFile: string): LoadResult {
  return readConfigFile(configFile, { env: process.env, hostname: hostname() });
}

/** A file that is not valid changes nothing; the reload has logged each violation. */
function reloadOnSignal(configuration: ConfigControl, logger: Logger): void {
  process.on('SIGHUP', () => {
    logger.info({}, 'SIGHUP: reading the configuration again');
    configuration.reload({ dryRun: false }).catch((error: unknown) => {
      logger.error({ err: error }, 'the configuration stays as it is');
    });
  });
}

/** Resolves at the first signal to end. The second one ends the process at once, with 1. */
function untilSignal(logger: Logger): Promise<void> {
  return new Promise((resolve) => {
    let first = true;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (!first) process.exit(1);
      first = false;
      logger.info({ signal }, 'stopping');
      resolve();
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}

async function shutDown(app: FastifyInstance, service: Service, logger: Logger): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), shutdownMs);
  });
  const cut = setTimeout(() => app.server.closeAllConnections(), requestsMs);
  const ended = Promise.all([app.close(), service.stop()]).then(() => true);
  const inTime = await Promise.race([ended, late]);
  clearTimeout(timer);
  clearTimeout(cut);
  if (inTime) logger.info({}, 'stopped');
  // Nothing is lost by this: what is not durable is read again from the checkpoint.
  else logger.warn({}, 'not everything ended in time: abandoned');
}

function urlOf(app: FastifyInstance): string {
  const { address, port, family } = app.server.address() as AddressInfo;
  const scheme = app.server instanceof TlsServer ? 'https' : 'http';
  return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

function packageVersion(): string {
  const file = new URL('../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** What went wrong with a call → what a person can do about it. */
import type { IncomingMessage } from 'node:http';
import type { ProblemJson } from '../api/schemas/problem.ts';
import { CommandFailed } from './failure.ts';

export interface Server {
  readonly url: string;
  readonly token: string | null;
}

/** An answer that is not the one that was hoped for: a problem document, or something else altogether. */
export class Refused extends CommandFailed {
  /** The problem document as it came; null: the answer was none. */
  readonly problem: ProblemJson | null;

  constructor(failure: CommandFailed, problem: ProblemJson | null) {
    const { exitCode, cause } = failure;
    const code = problem?.code;
    super(failure.message, failure.remedy, {
      exitCode,
      cause,
      ...(code === undefined ? {} : { code }),
    });
    this.problem = problem;
  }
}

export function refusal(
  answer: IncomingMessage,
  body: string,
  server: Server,
  cause?: unknown,
): Refused {
  const { statusCode = 0, headers } = answer;
  const problem = parseProblem(body, headers['content-type']);
  if (problem === null) {
    const what = `${statusCode} ${headers['content-type'] ?? 'without a body'}`;
    const remedy =
      'Check --url or WATCHER_URL: host, port, and the prefix where Watcher has one. A proxy between may answer too.';
    const message = `What answers at ${server.url} is not Watcher (${what})`;
    return new Refused(new CommandFailed(message, remedy, { cause }), null);
  }
  const { status, detail, remedy } = problem;
  const failure = new CommandFailed(
    status === 401 ? `${server.url} wants a token` : detail,
    status === 401 ? tokenRemedy(server) : remedy,
    // SPEC §3: an invalid configuration is 2, whoever reads it.
    { exitCode: String(problem.code) === 'config_invalid' ? 2 : 1 },
  );
  return new Refused(failure, problem);
}

function tokenRemedy({ token }: Server): string {
  return token === null
    ? 'Set WATCHER_TOKEN to one of the tokens under api.tokens.'
    : 'WATCHER_TOKEN is set, but to none of the tokens under api.tokens.';
}

function parseProblem(body: string, type = ''): ProblemJson | null {
  if (!type.startsWith('application/problem+json')) return null;
  try {
    const problem = JSON.parse(body) as Partial<ProblemJson> | null;
    const { code, detail, remedy, status } = problem ?? {};
    const texts = [code, detail, remedy].every((member) => typeof member === 'string');
    return texts && typeof status === 'number' ? (problem as ProblemJson) : null;
  } catch {
    return null;
  }
}

/** @returns a failure that is one already as it is. */
export function unreachable(error: unknown, server: Server): CommandFailed {
  if (error instanceof CommandFailed) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const remedy = remedies.find(({ codes }) => codes.test(code))?.remedy ?? remedyOfOthers;
  const why = code === '' ? '' : ` (${code})`;
  return new CommandFailed(`No answer from ${server.url}${why}`, remedy, { cause: error });
}

const remedyOfOthers =
  'Check --url or WATCHER_URL, the network, and that Watcher runs. It speaks https:// if api.tls is set, else http://.';

/** Codes of https://nodejs.org/api/errors.html, of OpenSSL and of llhttp. */
const remedies = [
  {
    codes: /^ECONNREFUSED$/,
    remedy:
      'Is Watcher running, and are api.host and api.port these? Start it: watcher run -c <file>. Another address: --url or WATCHER_URL.',
  },
  {
    codes: /^(?:ENOTFOUND|EAI_AGAIN)$/,
    remedy: 'The name of the host is not known: check --url or WATCHER_URL.',
  },
  {
    codes: /^(?:SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|CERT_|ERR_TLS_CERT_ALTNAME)/,
    remedy:
      'Name the certificate authority that signed the certificate of Watcher: --ca <file>. The host of --url must be a name in that certificate.',
  },
  {
    codes: /^(?:EPROTO|ERR_SSL_)/,
    remedy: 'It does not speak HTTPS there: use http:// in --url or WATCHER_URL.',
  },
  {
    codes: /^(?:ECONNRESET|HPE_|EPIPE)/,
    remedy: 'If api.tls is set, it speaks HTTPS: use https:// in --url or WATCHER_URL.',
  },
] as const;

/**
 * Every error that leaves the API is a problem document (RFC 9457) made here, from the table in errors.ts.
 *
 * 1. A WatcherError below 500: its own message and remedy.
 * 2. A WatcherError of 500 or above: the text and the remedy of the table only; the inside goes to the log.
 * 3. An error of Fastify or of a plugin of its: by its code, then by its status; never its own text.
 * 4. Anything else: `internal`.
 */
import type { FastifyError, FastifyReply } from 'fastify';
import { ConfigInvalid } from '../config/control.ts';
import { type ErrorCode, errorCodes, WatcherError } from '../errors.ts';
import type { ProblemJson, ViolationJson } from './schemas/problem.ts';
import { violationsOf } from './validation.ts';

export interface ProblemOptions {
  readonly detail?: string;
  readonly remedy?: string;
  /** When HTTP knows a nearer status than the table, for example 408. */
  readonly status?: number;
  readonly violations?: readonly ViolationJson[];
}

export const problemMediaType = 'application/problem+json';

export function problem(code: ErrorCode, options: ProblemOptions = {}): ProblemJson {
  const entry = errorCodes[code];
  return {
    type: `urn:watcher:problem:${code}`,
    title: entry.text,
    status: options.status ?? entry.status ?? 500,
    detail: options.detail ?? entry.text,
    code,
    remedy: options.remedy ?? entry.remedy,
    ...(options.violations === undefined ? {} : { violations: [...options.violations] }),
  };
}

export function toProblem(error: unknown): ProblemJson {
  if (error instanceof WatcherError) return ofWatcherError(error);
  if (!(error instanceof Error)) return problem('internal');
  const { code, statusCode, validation, validationContext } = error as FastifyError;
  if (validation !== undefined) return ofValidation(validation, validationContext ?? 'body');
  return fastifyProblems[code]?.() ?? ofStatus(statusCode);
}

/** RFC 9110 §11.6.1: a 401 has one. */
export const challengeHeader = 'www-authenticate';

/** Sends a problem; an error handler of Fastify calls it with `toProblem(error)`. */
export function sendProblem(reply: FastifyReply, document: ProblemJson): FastifyReply {
  if (document.status === 401 && !reply.hasHeader(challengeHeader)) {
    reply.header(challengeHeader, 'Bearer');
  }
  return reply.code(document.status).type(problemMediaType).send(document);
}

function ofWatcherError(error: WatcherError): ProblemJson {
  const status = errorCodes[error.code].status;
  // A code without a status is about a sync, not about a request.
  if (status === undefined) return problem(isOfEtcd(error.code) ? 'etcd_unavailable' : 'internal');
  if (status >= 500) return problem(error.code);
  const { message: detail, remedy } = error;
  const violations = error instanceof ConfigInvalid ? { violations: error.violations } : {};
  return problem(error.code, { detail, remedy, ...violations });
}

/** An order that etcd did not take, for whatever reason of etcd's: the log says which. */
function isOfEtcd(code: ErrorCode): boolean {
  return code.startsWith('etcd_');
}

function ofValidation(
  errors: NonNullable<FastifyError['validation']>,
  context: string,
): ProblemJson {
  // The only path parameter is the name of a sync, and a malformed name is an unknown one (SPEC §8).
  if (context === 'params') return problem('unknown_sync');
  const violations = violationsOf(errors, context === 'querystring' ? 'query' : context);
  const detail = violations.map(({ path, message }) => `${path}: ${message}`).join('; ');
  return problem('invalid_request', { detail, violations });
}

/** Errors of Fastify, by code: https://fastify.dev/docs/latest/Reference/Errors/ */
const fastifyProblems: Readonly<Record<string, () => ProblemJson>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () => problem('body_too_large'),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () => problem('unsupported_media_type'),
  FST_ERR_CTP_INVALID_JSON_BODY: () =>
    problem('invalid_request', { detail: 'The body is not JSON that can be read' }),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    problem('invalid_request', { detail: 'The body is not as long as Content-Length says' }),
  FST_ERR_BAD_URL: () => problem('invalid_request', { detail: 'The path cannot be decoded' }),
  // The only path parameter is the name of a sync.
  FST_ERR_MAX_PARAM_LENGTH: () => problem('unknown_sync'),
};

/** 401 and 403: a hook of an embedding server sends errors to our handler. */
const codeByStatus: ReadonlyMap<number | undefined, ErrorCode> = new Map([
  [401, 'unauthorized'],
  [403, 'forbidden'],
  [404, 'not_found'],
]);

function ofStatus(status: number | undefined): ProblemJson {
  const code = codeByStatus.get(status);
  if (code !== undefined) return problem(code);
  if (status !== undefined && status >= 400 && status < 500) {
    return problem('invalid_request', { status });
  }
  return problem('internal');
}

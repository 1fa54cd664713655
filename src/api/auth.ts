/**
 * Who may call what (SPEC §8 "Who may").
 *
 * 1. Without tokens and without a hook of the embedding server there is no authentication: access.ts then serves
 *    programs of this machine alone.
 * 2. Else a call needs the role that its route says: none for probes, pages and the document; `read` for what only
 *    looks; `admin` for the rest. A route that says nothing is not open.
 * 3. Paths and methods that do not exist are told to every known caller, and to everybody where all of the path is open.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { TokenConfig } from '../config/config.ts';
import { WatcherError } from '../errors.ts';
import { checkSite } from './access.ts';
import { Failures } from './auth-failures.ts';
import { bearerToken, findToken } from './auth-tokens.ts';
import { type Authenticate, askHost, type Role } from './host-auth.ts';
import { challengeHeader } from './problems.ts';

/** What a call needs. */
export type Need = Role | 'nothing';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** By default `read` for GET and HEAD, `admin` for every other method. */
    needs?: Need | ((request: FastifyRequest) => Need);
  }
}

export interface GuardOptions {
  /** The tokens of now: asked at every request, so that a reload replaces them. */
  readonly tokens?: (() => readonly TokenConfig[]) | undefined;
  /** The embedding server's own authentication. Asked where no token of ours was sent. */
  readonly authenticate?: Authenticate | undefined;
  /** Milliseconds of a clock that is never set. */
  readonly now?: (() => number) | undefined;
}

/**
 * Checks one request. Once it resolves, either the request may pass, or `reply.sent` is true: the embedding server has
 * answered it.
 * @throws WatcherError `forbidden`, `unauthorized`, `too_many_failures`; `internal` when the embedding server fails.
 */
export type Guard = (request: FastifyRequest, reply: FastifyReply, need: Need) => Promise<void>;

interface Caller {
  /** As the log names it. */
  readonly name: string;
  readonly role: Role;
  /** Undefined: the embedding server let it in. */
  readonly token?: string;
}

const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD']);

interface Admission {
  /** Undefined: nobody was asked for. */
  readonly name?: string;
  /** Whether the caller would be let in again. */
  readonly holds: () => boolean;
}

const admissions = new WeakMap<object, Admission>();

/** The name of the token that the request was admitted with; undefined: it needed none. For the log. */
export function callerOf(request: FastifyRequest): string | undefined {
  return admissions.get(request.raw)?.name;
}

/** For answers without an end: whether a reload has left the caller its token. */
export function isAdmitted(request: FastifyRequest): boolean {
  return admissions.get(request.raw)?.holds() ?? true;
}

/** What the route of a request needs. */
export function needOf(request: FastifyRequest): Need {
  const { needs } = request.routeOptions.config;
  if (needs === undefined) return defaultNeed(request.method);
  return typeof needs === 'string' ? needs : needs(request);
}

export function defaultNeed(method: string): Need {
  return safeMethods.has(method) ? 'read' : 'admin';
}

/** Every route that is added in this context from now on is open to everybody: files of pages, never data. */
export function openRoutes(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, needs: 'nothing' };
  });
}

export function createGuard(options: GuardOptions): Guard {
  const { tokens = () => [], authenticate, now = () => performance.now() } = options;
  const failures = new Failures(now);

  return async (request, reply, need) => {
    const open = isOpen();
    checkSite(request, open);
    if (open) admissions.set(request.raw, { holds: isOpen });
    if (open || need === 'nothing') return;
    const caller = await identify(request, reply);
    if (caller === null) {
      // What is on its way is waited for: Fastify would take the request for one that may pass.
      await reply;
      return;
    }
    const { name, token } = caller;
    admissions.set(request.raw, { name, holds: () => token === undefined || isKnown(token) });
    if (need === 'admin' && caller.role !== 'admin') throw insufficient(caller, reply);
  };

  function isOpen(): boolean {
    return authenticate === undefined && tokens().length === 0;
  }

  function isKnown(text: string): boolean {
    return tokens().some(({ token }) => token === text);
  }

  /** @returns null when the embedding server has answered. */
  async function identify(request: FastifyRequest, reply: FastifyReply): Promise<Caller | null> {
    const attempt = tryToken(request);
    if (attempt?.found) return attempt.found;
    const host = await askHost(authenticate, request, reply);
    if (host === 'read' || host === 'admin') return { name: 'host', role: host };
    if (attempt?.waitSeconds === 0) failures.failed(request.ip);
    if (host === 'answered') return null;
    throw host === 'refused' ? refusal(request, reply, attempt?.waitSeconds ?? 0) : host;
  }

  /** Null: no token was sent. Where there are none of ours, the header is the embedding server's alone. */
  function tryToken({ ip, headers }: FastifyRequest) {
    const known = tokens();
    if (headers.authorization === undefined || known.length === 0) return null;
    const waitSeconds = failures.waitSeconds(ip);
    const text = bearerToken(headers.authorization);
    const compared = waitSeconds === 0 ? known : usedFrom(ip, known);
    const found = text === null ? null : findToken(compared, text);
    if (found !== null) failures.succeeded(ip, found.name);
    return { found, waitSeconds };
  }

  function refusal(
    request: FastifyRequest,
    reply: FastifyReply,
    waitSeconds: number,
  ): WatcherError {
    if (waitSeconds === 0) return unauthorized(request, reply, tokens().length === 0);
    reply.header('retry-after', waitSeconds);
    return new WatcherError('too_many_failures');
  }

  function usedFrom(address: string, known: readonly TokenConfig[]): readonly TokenConfig[] {
    const names = failures.knownNames(address);
    return known.filter(({ name }) => names.has(name));
  }
}

/**
 * RFC 6750 §3: the challenge says no more than the scheme when no token was sent. That of the embedding server stays.
 * @param hostOnly Whether there are no tokens of ours.
 */
function unauthorized(
  { headers }: FastifyRequest,
  reply: FastifyReply,
  hostOnly: boolean,
): WatcherError {
  const sent = headers.authorization !== undefined;
  if (!reply.hasHeader(challengeHeader)) {
    reply.header(challengeHeader, sent ? 'Bearer error="invalid_token"' : 'Bearer');
  }
  if (hostOnly) {
    return new WatcherError('unauthorized', {
      message: 'The server that Watcher is a part of does not know who sends this',
      remedy: 'Authenticate as that server asks for.',
    });
  }
  return new WatcherError('unauthorized', sent ? { message: 'The token is not known' } : {});
}

function insufficient({ name, role }: Caller, reply: FastifyReply): WatcherError {
  reply.header(challengeHeader, 'Bearer error="insufficient_scope"');
  return new WatcherError('forbidden', {
    message: `This call needs the role admin; ${name} has the role ${role}`,
    remedy: 'Send a token with the role admin.',
  });
}

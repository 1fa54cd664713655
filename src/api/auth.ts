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

export type Role = TokenConfig['role'];

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
  /** The embedding server's own authentication; null: it knows nobody. Asked where no token of ours was sent. */
  readonly authenticate?:
    | ((request: FastifyRequest) => Role | null | Promise<Role | null>)
    | undefined;
  /** Milliseconds of a clock that is never set. */
  readonly now?: (() => number) | undefined;
}

/** Checks one request. @throws WatcherError `forbidden`, `unauthorized`, `too_many_failures`. */
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
    if (caller === null) throw unauthorized(request, reply);
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

  async function identify(request: FastifyRequest, reply: FastifyReply): Promise<Caller | null> {
    const { authorization } = request.headers;
    const known = tokens();
    if (known.length === 0 || authorization === undefined) return asHost(request);
    const waitSeconds = failures.waitSeconds(request.ip);
    const found = match(authorization, waitSeconds === 0 ? known : usedFrom(request.ip, known));
    if (found !== null) {
      failures.succeeded(request.ip, found.name);
      return found;
    }
    const host = await asHost(request);
    if (host !== null) return host;
    if (waitSeconds > 0) {
      reply.header('retry-after', waitSeconds);
      throw new WatcherError('too_many_failures');
    }
    failures.failed(request.ip);
    return null;
  }

  function usedFrom(address: string, known: readonly TokenConfig[]): readonly TokenConfig[] {
    const names = failures.knownNames(address);
    return known.filter(({ name }) => names.has(name));
  }

  async function asHost(request: FastifyRequest): Promise<Caller | null> {
    const role: unknown = await authenticate?.(request);
    // A hook in JavaScript may answer anything: only the two words let somebody in.
    return role === 'read' || role === 'admin' ? { name: 'host', role } : null;
  }
}

function match(authorization: string, tokens: readonly TokenConfig[]): TokenConfig | null {
  const text = bearerToken(authorization);
  return text === null ? null : findToken(tokens, text);
}

/** RFC 6750 §3: the challenge says no more than the scheme when no token was sent. */
function unauthorized(request: FastifyRequest, reply: FastifyReply): WatcherError {
  const sent = request.headers.authorization !== undefined;
  reply.header('www-authenticate', sent ? 'Bearer error="invalid_token"' : 'Bearer');
  return new WatcherError('unauthorized', sent ? { message: 'The token is not known' } : {});
}

function insufficient({ name, role }: Caller, reply: FastifyReply): WatcherError {
  reply.header('www-authenticate', 'Bearer error="insufficient_scope"');
  return new WatcherError('forbidden', {
    message: `This call needs the role admin; ${name} has the role ${role}`,
    remedy: 'Send a token with the role admin.',
  });
}

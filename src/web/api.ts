/** Calls to the API. Addresses are relative to this page, so that it works under every prefix. */
import type { Sync } from './sync.ts';

const tokenKey = 'watcher-token';

/** The token of this tab. It is gone when the tab is closed, and never sent but in `Authorization`. */
export const session = {
  get token(): string | null {
    return sessionStorage.getItem(tokenKey);
  },
  set token(token: string | null) {
    if (token === null) sessionStorage.removeItem(tokenKey);
    else sessionStorage.setItem(tokenKey, token);
  },
};

/** What went wrong, in words for a person. */
export interface Refusal {
  /** 0: there was no answer. */
  readonly status: number;
  readonly message: string;
  readonly remedy: string;
  /** How long to wait, as the server says. */
  readonly retryAfterSeconds: number | null;
}

export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/** @throws Refused unless the answer is 2xx; the error of `fetch` when it was ended by `signal`. */
export async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const { token } = session;
  const headers = new Headers(init.headers);
  // A header takes no other characters, and a token has no others.
  if (token !== null && !/^[!-~]+$/.test(token)) throw new Refused(noToken);
  if (token !== null) headers.set('authorization', `Bearer ${token}`);
  let response: Response;
  try {
    response = await fetch(new URL(path, document.baseURI), {
      ...init,
      headers,
      cache: 'no-store',
    });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Refused(noAnswer);
  }
  if (!response.ok) throw new Refused(await refusalOf(response));
  return response;
}

export const noAnswer: Refusal = {
  status: 0,
  message: 'Watcher does not answer',
  remedy: 'See that its process runs, and that it can be reached from here.',
  retryAfterSeconds: null,
};

const noToken: Refusal = {
  status: 401,
  message: 'This is not a token',
  remedy: 'Take one of api.tokens.',
  retryAfterSeconds: null,
};

export type Order = 'start' | 'stop' | 'dump';

/** @returns the sync as it was when the order was accepted. */
export async function order(name: string, order: Order, body?: object): Promise<Sync> {
  const json = body && {
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  };
  const path = `v1/syncs/${encodeURIComponent(name)}/${order}`;
  const response = await call(path, { method: 'POST', ...json });
  return (await response.json()) as Sync;
}

async function refusalOf(response: Response): Promise<Refusal> {
  const after = Number(response.headers.get('retry-after') ?? Number.NaN);
  const known = {
    status: response.status,
    retryAfterSeconds: Number.isFinite(after) ? after : null,
  };
  try {
    const problem: unknown = await response.json();
    const { detail, remedy } = problem as { detail: unknown; remedy: unknown };
    if (typeof detail === 'string' && typeof remedy === 'string') {
      return { ...known, message: detail, remedy };
    }
  } catch {
    // Not of Watcher: a proxy between has answered with a page of its own.
  }
  const message = `The answer was ${response.status} ${response.statusText}`.trim();
  return { ...known, message, remedy: 'See what stands between this page and Watcher.' };
}

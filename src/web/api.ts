/** Calls to the API. Addresses are relative to this page, so that it works under every prefix. */
import { noAnswer, notAToken, type Refusal, Refused } from './refusal.ts';
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

/** @throws Refused unless the answer is 2xx; the error of `fetch` when it was ended by `signal`. */
export async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const { token } = session;
  const headers = new Headers(init.headers);
  // A header takes no other characters, and a token has no others.
  if (token !== null && !/^[!-~]+$/.test(token)) throw new Refused(notAToken);
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

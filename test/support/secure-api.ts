/** Calls of the API by HTTPS, with a token. */
import { request } from 'node:https';
import { text } from 'node:stream/consumers';

export interface ApiCall {
  /** PEM text of the authority. */
  readonly ca: string;
  readonly token?: string | undefined;
  readonly method?: string;
  /** For event streams: answers the first bytes, and leaves. */
  readonly firstBytes?: boolean;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

export function callApi(url: string, call: ApiCall): Promise<ApiAnswer> {
  const { ca, token, method = 'GET', firstBytes = false } = call;
  return new Promise((resolve, reject) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const sent = request(url, { ca, method, headers }, async (response) => {
      const { statusCode = 0, headers } = response;
      try {
        const body = firstBytes ? await firstOf(response) : await text(response);
        resolve({ status: statusCode, headers, body });
      } catch (error) {
        reject(error);
      }
    });
    sent.once('error', reject).end();
  });
}

async function firstOf(response: AsyncIterable<unknown> & { destroy(): void }): Promise<string> {
  let body = '';
  for await (const chunk of response) {
    body += String(chunk);
    // The first comment or event that is whole, behind the line `retry`.
    if (body.includes('data:')) break;
  }
  response.destroy();
  return body;
}

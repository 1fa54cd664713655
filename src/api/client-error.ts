/** What arrives is not HTTP that Node.js can read: an answer on the bare socket, as a problem like any other. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { problem, problemMediaType } from './problems.ts';

const statuses: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
};

/** A handler of the event `clientError`: https://nodejs.org/api/http.html#event-clienterror */
export function answerClientError(
  error: Error & { readonly code?: string },
  socket: Socket & { readonly _httpMessage?: { readonly headersSent: boolean } | null },
): void {
  // Half an answer is on its way already: another one would be read as a part of it.
  const begun = socket._httpMessage?.headersSent === true;
  // Of a handshake that failed nothing can be said: there is no connection to say it on.
  const noTls = /^ERR_(?:SSL|TLS)_/.test(error.code ?? '');
  if (error.code === 'ECONNRESET' || noTls || !socket.writable || begun) {
    socket.destroy();
    return;
  }
  const status = statuses[error.code ?? ''] ?? 400;
  const reason = STATUS_CODES[status] ?? '';
  const detail = `The request cannot be read: ${reason}`;
  const body = JSON.stringify(problem('invalid_request', { status, detail }));
  socket.end(
    [
      `HTTP/1.1 ${status} ${reason}`,
      `Content-Type: ${problemMediaType}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}

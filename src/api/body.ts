/**
 * Bodies: JSON or nothing. An absent or empty body is `{}`, whatever content type goes with it; a body that is
 * there must be JSON and say so.
 */
import type { FastifyInstance } from 'fastify';
import { shorten } from '../config/report.ts';
import { WatcherError } from '../errors.ts';

const bodyLimit = 64 * 1024;

export function registerBodyParsers(app: FastifyInstance): void {
  // Members named `__proto__` or `constructor.prototype` are refused, not dropped.
  const parseJson = app.getDefaultJsonParser('error', 'error');
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer', bodyLimit },
    (request, body: Buffer, done) => {
      if (body.length === 0) return done(null, undefined);
      let text: string;
      try {
        text = utf8.decode(body);
      } catch {
        const message = 'The body is not UTF-8';
        return done(new WatcherError('invalid_request', { message }), undefined);
      }
      return parseJson(request, text, (error, value) => done(error ?? repeatedMember(text), value));
    },
  );
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit }, (_request, body: Buffer, done) =>
    done(body.length === 0 ? null : new WatcherError('unsupported_media_type'), undefined),
  );
  app.addHook('preValidation', async (request) => {
    // `null` is a body, and not a valid one.
    if (request.body === undefined) request.body = {};
  });
}

/**
 * JSON.parse drops the first of two members of one name. Only the outermost are looked at: there are no others in a
 * valid body.
 * @param json What JSON.parse takes.
 */
function repeatedMember(json: string): WatcherError | null {
  const names = new Set<string>();
  let depth = 0;
  let lastString = '';
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}:]/g)) {
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    else if (token !== ':') lastString = token;
    else if (depth === 1) {
      const name = String(JSON.parse(lastString));
      if (names.has(name)) {
        const message = `The body has the member ${shorten(name)} twice`;
        return new WatcherError('invalid_request', { message });
      }
      names.add(name);
    }
  }
  return null;
}

/** The dashboard at `/`: the files of `src/web`, as they were built, from memory. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { openRoutes } from '../auth.ts';
import { pathOf } from '../route-table.ts';

/** Built once, and the same place from `src` and from `dist`. */
const builtFolder = fileURLToPath(new URL('../../../dist/web', import.meta.url));

/** Only what this server sends, no script or style in the page itself, and no text that becomes markup. */
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

const mediaTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

interface PageFile {
  /** Below the prefix: `/` or `/assets/main.js`. */
  readonly path: string;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * A tag is made of the content: all files of an npm package have one date, so that date and size, which
 * @fastify/static goes by, may be the same in two versions. `no-cache`: kept, and asked for each time.
 */
function readPage(folder: string): PageFile[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.flatMap((name) => {
    const type = mediaTypes[extname(name)];
    if (type === undefined) return [];
    const body = readFileSync(join(folder, name));
    const digest = createHash('sha256').update(body).digest('base64url').slice(0, 22);
    const headers = {
      'content-type': type,
      'content-security-policy': pagePolicy,
      'cache-control': 'no-cache',
      etag: `"${digest}"`,
    };
    return [{ path: name === 'index.html' ? '/' : `/${name}`, body, headers }];
  });
}

/** @param options `folder`: where the page was built; for tests */
export const dashboardRoutes: FastifyPluginAsync<{ folder?: string }> = async (
  app,
  { folder = builtFolder },
) => {
  let files: PageFile[];
  try {
    files = readPage(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    // Replication does not depend on a page.
    app.log.error({ folder }, 'the dashboard is not served: it was not built (npm run build)');
    return;
  }
  openRoutes(app);
  for (const file of files) {
    app.get(file.path, { schema: { hide: true } }, async (request, reply) => {
      if (file.path === '/' && !pathOf(request.url).endsWith('/')) return addSlash(request, reply);
      reply.headers(file.headers);
      if (hasTag(request, file.headers.etag ?? '')) return reply.code(304).send();
      return reply.send(file.body);
    });
  }
};

/** Everything in the page is relative to it, and so is this: a proxy may have put more before the path. */
function addSlash(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const last = pathOf(request.url).split('/').at(-1) ?? '';
  return reply.redirect(`${last}/`);
}

/** Weak comparison, as RFC 9110 §13.1.2 asks for. */
function hasTag(request: FastifyRequest, tag: string): boolean {
  const sent = request.headers['if-none-match'] ?? '';
  return sent === '*' || sent.split(',').some((each) => each.trim().replace(/^W\//, '') === tag);
}

/**
 * Which methods a path takes. Fastify answers 404 to a wrong method; from this table the answer is 405 with
 * `Allow` (RFC 9110 §15.5.6), for methods that Fastify does not know as well.
 */
import type { RouteOptions } from 'fastify';

export interface PathMatch {
  /** As `Allow` names them. */
  readonly methods: readonly string[];
  /** The path has the name of a sync in it. */
  readonly named: boolean;
  /** Every method that it takes is open to everybody. */
  readonly open: boolean;
}

interface Entry {
  readonly pattern: RegExp;
  readonly methods: readonly string[];
  readonly named: boolean;
  /** Hooks that come later may still change it. */
  readonly route: RouteOptions;
}

export interface RouteTable {
  /** A hook `onRoute`. */
  add(route: RouteOptions & { routePath?: string }): void;
  /** @param url As the request line has it. Null: no route has this path. */
  match(url: string): PathMatch | null;
}

export function createRouteTable(): RouteTable {
  const entries: Entry[] = [];
  return {
    add: (route) => {
      const { url, method, routePath } = route;
      entries.push({
        // Fastify serves the root of a plugin with and without the slash, and tells of it once.
        pattern: patternOf(url, routePath === '' || routePath === '/'),
        methods: [method].flat(),
        named: url.includes('/:name'),
        route,
      });
    },
    match: (url) => {
      const path = pathOf(url);
      const found = entries.filter(({ pattern }) => pattern.test(path));
      if (found.length === 0) return null;
      const methods = new Set([...found.flatMap((entry) => entry.methods), 'OPTIONS']);
      return {
        methods: [...methods].sort(),
        named: found.some(({ named }) => named),
        open: found.every(({ route }) => route.config?.needs === 'nothing'),
      };
    },
  };
}

/** The path of a request target, which may be in absolute form (RFC 9112 §3.2.2). */
export function pathOf(url: string): string {
  return url.replace(/^https?:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '') || '/';
}

function patternOf(url: string, root: boolean): RegExp {
  const source = url
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replace(/:[A-Za-z_]+/g, '[^/]*');
  return new RegExp(`^${root ? source.replace(/\/$/, '') : source}${root ? '/?' : ''}$`);
}

/** One thing that is wrong in a configuration file. Holds no value of the file, so no secret either. */
export interface Violation {
  /** For example `syncs.inventory.tables.include[0]`; empty: the file as a whole. */
  readonly path: string;
  /** Counted from 1; null when it is about no place in the file. */
  readonly line: number | null;
  readonly message: string;
}

/** Collects violations, and knows at which line each path stands. */
export class Report {
  readonly #lines = new Map<string, number>();
  readonly #violations: Violation[] = [];

  locate(path: string, line: number): void {
    this.#lines.set(path, line);
  }

  /** Whether the path itself is in the file. */
  isLocated(path: string): boolean {
    return this.#lines.has(path);
  }

  /** At the line of the path, or of the nearest block around it that is in the file. */
  add(path: string, message: string, line: number | null = this.lineOf(path)): void {
    this.#violations.push({ path, line, message });
  }

  lineOf(path: string): number | null {
    for (let at = path; ; at = parentPath(at)) {
      const line = this.#lines.get(at);
      if (line !== undefined) return line;
      if (at === '') return null;
    }
  }

  /** Whether something is wrong at one of the paths or below it: a check that builds on it would mislead. */
  has(...paths: readonly string[]): boolean {
    return this.#violations.some((violation) =>
      paths.some((path) => violation.path === path || isUnder(violation.path, path)),
    );
  }

  /** In the order of the file. */
  get violations(): readonly Violation[] {
    return this.#violations.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
  }
}

export function childPath(path: string, key: string): string {
  if (!/^[\w-]+$/.test(key)) return `${path}[${JSON.stringify(shorten(key))}]`;
  return path === '' ? key : `${path}.${key}`;
}

/** Keys come from the file: a mistaken one may be of any length. */
export function shorten(key: string): string {
  return key.length > 64 ? `${key.slice(0, 64)}…` : key;
}

function isUnder(path: string, ancestor: string): boolean {
  return (
    path.startsWith(ancestor) && (path[ancestor.length] === '.' || path[ancestor.length] === '[')
  );
}

function parentPath(path: string): string {
  const quoted = /\["(?:[^"\\]|\\.)*"\]$/.exec(path);
  if (quoted !== null) return path.slice(0, quoted.index);
  return path.slice(0, Math.max(path.lastIndexOf('.'), path.lastIndexOf('['), 0));
}

/** `file:line: path: message`, as compilers write it. */
export function formatViolation(file: string, violation: Violation): string {
  const place = violation.line === null ? file : `${file}:${violation.line}`;
  return [place, violation.path, violation.message].filter((part) => part !== '').join(': ');
}

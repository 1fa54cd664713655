export type Environment = Readonly<Record<string, string | undefined>>;

export type Expansion = { readonly text: string } | { readonly problem: string };

// `$$`, or `${NAME}` with an optional `:-default`; a default holds no `}` and no `${`. Else the opening alone.
const reference = /\$(?:(\$)|\{([A-Za-z_][A-Za-z0-9_]*)(:-((?:(?!\$\{)[^}])*))?\}|(\{))/g;

/**
 * Expands `${VAR}`, `${VAR:-default}` and `$$` (a single `$`) in a scalar; any other `$` stands for itself. As in
 * a shell, the default also replaces an empty variable. What a variable holds is not expanded again.
 */
export function expand(source: string, env: Environment): Expansion {
  const unset: string[] = [];
  let malformed = false;
  const text = source.replace(
    reference,
    (
      _match,
      dollar?: string,
      name?: string,
      hasDefault?: string,
      fallback?: string,
      opening?: string,
    ) => {
      if (dollar !== undefined) return '$';
      if (opening !== undefined || name === undefined) {
        malformed = true;
        return '';
      }
      const value = Object.hasOwn(env, name) ? env[name] : undefined;
      if (hasDefault !== undefined) return value || (fallback ?? '').replaceAll('$$', () => '$');
      if (value === undefined) unset.push(name);
      return value ?? '';
    },
  );
  if (malformed) {
    return { problem: `has a "\${" that is no \${VAR} or \${VAR:-default}; write "$$" for a "$"` };
  }
  if (unset.length > 0) {
    return {
      problem: `needs the environment variable ${[...new Set(unset)].join(', ')}, which is not set`,
    };
  }
  return { text };
}

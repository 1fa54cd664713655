/** The TLS modes of SPEC §4, which are those of libpq, as options of `mysql2`. */

export type TlsMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

/** Texts in PEM, not file names. */
export interface TlsSettings {
  readonly mode: TlsMode;
  /** null: the authorities that Node trusts. */
  readonly ca: string | null;
  readonly cert?: string | null;
  readonly key?: string | null;
}

/** The `ssl` option of mysql2. `verifyIdentity`: the host name must be in the certificate. */
export interface ClientTls {
  rejectUnauthorized: boolean;
  verifyIdentity: boolean;
  ca?: string;
  cert?: string;
  key?: string;
}

/**
 * What to try, in order; `false` is a connection without TLS.
 * 1. disable: plain only. So is a Unix socket, whatever the mode.
 * 2. prefer: TLS without verification, then plain.
 * 3. require: TLS without verification; with a `ca` it is verify-ca, as in libpq.
 * 4. verify-ca: the certificate must be signed by the authority; the host name is not compared.
 * 5. verify-full: the host name must be in the certificate too.
 */
export function tlsAttempts(tls: TlsSettings, host: string): readonly (ClientTls | false)[] {
  if (tls.mode === 'disable' || host.startsWith('/')) return [false];
  if (tls.mode === 'prefer') return [clientTls(tls, false, false), false];
  if (tls.mode === 'verify-full') return [clientTls(tls, true, true)];
  return [clientTls(tls, tls.mode === 'verify-ca' || tls.ca !== null, false)];
}

function clientTls(
  tls: TlsSettings,
  rejectUnauthorized: boolean,
  verifyIdentity: boolean,
): ClientTls {
  const options: ClientTls = { rejectUnauthorized, verifyIdentity };
  if (rejectUnauthorized && tls.ca !== null) options.ca = tls.ca;
  if (tls.cert) options.cert = tls.cert;
  if (tls.key) options.key = tls.key;
  return options;
}

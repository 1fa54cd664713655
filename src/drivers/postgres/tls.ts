/** The TLS modes of libpq. Source: PostgreSQL documentation, "SSL Support", "Protection Provided in Different Modes". */
import type { ConnectionOptions } from 'node:tls';

export type TlsMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

/** Texts in PEM, not file names. */
export interface TlsSettings {
  readonly mode: TlsMode;
  /** null: the authorities that Node trusts. */
  readonly ca: string | null;
  readonly cert?: string | null;
  readonly key?: string | null;
}

/**
 * What to try, in order; `false` is a connection without TLS.
 * 1. disable: plain only. So is a Unix socket, whatever the mode, as in libpq.
 * 2. prefer: TLS without verification, then plain.
 * 3. require: TLS without verification; with a `ca` it is verify-ca, as in libpq.
 * 4. verify-ca: the certificate must be signed by the authority; the host name is not compared.
 * 5. verify-full: the host name must be in the certificate too.
 */
export function tlsAttempts(
  tls: TlsSettings,
  host: string,
): readonly (ConnectionOptions | false)[] {
  if (tls.mode === 'disable' || host.startsWith('/')) return [false];
  if (tls.mode === 'prefer') return [clientOptions(tls, false), false];
  if (tls.mode === 'verify-full') return [clientOptions(tls, true)];
  const verifies = tls.mode === 'verify-ca' || tls.ca !== null;
  if (!verifies) return [clientOptions(tls, false)];
  return [{ ...clientOptions(tls, true), checkServerIdentity: () => undefined }];
}

function clientOptions(tls: TlsSettings, rejectUnauthorized: boolean): ConnectionOptions {
  const options: ConnectionOptions = { rejectUnauthorized };
  if (rejectUnauthorized && tls.ca !== null) options.ca = tls.ca;
  if (tls.cert) options.cert = tls.cert;
  if (tls.key) options.key = tls.key;
  return options;
}

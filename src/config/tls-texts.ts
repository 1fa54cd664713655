/**
 * Whether certificates and private keys can be used, before anything is started with them: each can be read, they belong
 * together, and OpenSSL makes a context of them. Pure. The messages say nothing of what the texts hold; of OpenSSL's words
 * only the reason is passed on, which is a fixed text for each of its codes.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { childPath, type Report } from './report.ts';

/** PEM texts of one block `tls`, those that are there. */
export interface TlsTexts {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** @param path Of the block `tls`. */
export function checkTlsTexts(path: string, { ca, cert, key }: TlsTexts, report: Report): void {
  const refuse = (name: keyof TlsTexts, problem: string | null): void => {
    const at = childPath(path, name);
    const inFile = `${at}_file`;
    // What is wrong with the reading of it was said already.
    if (problem === null || report.has(at, inFile)) return;
    report.add(report.isLocated(inFile) ? inFile : at, problem);
  };
  const certProblem = cert === undefined ? null : certificatesProblem(cert, { cert });
  if (ca !== undefined) refuse('ca', certificatesProblem(ca, { ca }));
  refuse('cert', certProblem);
  if (key !== undefined) refuse('key', keyProblem(key, certProblem === null ? cert : undefined));
}

/**
 * One or more, all of which can be read; there may be other text around them.
 * @param use What they are to be for OpenSSL.
 */
function certificatesProblem(pem: string, use: SecureContextOptions): string | null {
  const blocks = pem.match(/-----BEGIN [A-Z0-9 ]*CERTIFICATE-----[\s\S]*?-----END [^-]*-----/g);
  const read = blocks?.every((block) => works(() => new X509Certificate(block))) ?? false;
  return read ? refusal(use) : 'holds no certificate that can be read';
}

/** @param cert One that is not refused itself; its chain may follow it. */
function keyProblem(key: string, cert: string | undefined): string | null {
  if (!works(() => createPrivateKey(key))) {
    return key.includes('ENCRYPTED')
      ? 'is an encrypted private key; it is needed without a passphrase (openssl pkey -in KEY)'
      : 'holds no private key that can be read';
  }
  if (cert === undefined) return null;
  const belongs = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  return belongs ? refusal({ cert, key }) : 'is not the private key of cert';
}

/** What can be read is not always served with: a key may be too small for the security level of this OpenSSL. */
function refusal(use: SecureContextOptions): string | null {
  try {
    createSecureContext(use);
    return null;
  } catch (error) {
    const { reason } = error as { readonly reason?: unknown };
    return `is refused by OpenSSL${typeof reason === 'string' ? `: ${reason}` : ''}`;
  }
}

function works(attempt: () => unknown): boolean {
  try {
    attempt();
    return true;
  } catch {
    return false;
  }
}

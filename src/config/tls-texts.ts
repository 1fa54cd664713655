/**
 * Whether certificates and private keys can be used, before anything is started with them. Pure. The messages say
 * nothing of what the texts hold, and neither do they pass on OpenSSL's words.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { childPath, type Report } from './report.ts';

/** PEM texts of one block `tls`, those that are there. */
export interface TlsTexts {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** @param path Of the block `tls`. */
export function checkTlsTexts(path: string, texts: TlsTexts, report: Report): void {
  const { ca, cert, key } = texts;
  const refuse = (name: keyof TlsTexts, message: string): void => {
    const at = childPath(path, name);
    const inFile = `${at}_file`;
    // What is wrong with the reading of it was said already.
    if (!report.has(at, inFile)) report.add(report.isLocated(inFile) ? inFile : at, message);
  };
  if (ca !== undefined && !holdsCertificates(ca)) refuse('ca', noCertificate);
  if (cert !== undefined && !holdsCertificates(cert)) refuse('cert', noCertificate);
  if (key !== undefined && !isPrivateKey(key)) refuse('key', noKey(key));
  if (cert !== undefined && key !== undefined && !belong(cert, key)) {
    refuse('key', 'is not the private key of cert');
  }
}

const noCertificate = 'holds no certificate that can be read';

function noKey(pem: string): string {
  return pem.includes('ENCRYPTED')
    ? 'is an encrypted private key; it is needed without a passphrase (openssl pkey -in KEY)'
    : 'holds no private key that can be read';
}

/** One or more, all of which can be read; there may be other text around them. */
function holdsCertificates(pem: string): boolean {
  const blocks = pem.match(/-----BEGIN [A-Z0-9 ]*CERTIFICATE-----[\s\S]*?-----END [^-]*-----/g);
  return blocks?.every((block) => works(() => new X509Certificate(block))) ?? false;
}

function isPrivateKey(pem: string): boolean {
  return works(() => createPrivateKey(pem));
}

/** True as well where one of them cannot be read: that is another message. */
function belong(cert: string, key: string): boolean {
  if (!holdsCertificates(cert) || !isPrivateKey(key)) return true;
  // The first one; those of its chain follow.
  return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
}

function works(attempt: () => unknown): boolean {
  try {
    attempt();
    return true;
  } catch {
    return false;
  }
}

/** Certificates as texts, made once for a test file. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificates } from '../../tools/testenv/certificates.ts';

export interface PemTexts {
  readonly ca: string;
  /** Of a server on 127.0.0.1 and localhost. */
  readonly cert: string;
  readonly key: string;
}

/** An authority, and a certificate of its own making with the key. */
export async function makePem(): Promise<PemTexts> {
  const dir = await mkdtemp(join(tmpdir(), 'watcher-pem-'));
  try {
    const { ca, server } = await makeCertificates(dir);
    const [authority, cert, key] = await Promise.all(
      [ca, server.cert, server.key].map((file) => readFile(file, 'utf8')),
    );
    return { ca: authority ?? '', cert: cert ?? '', key: key ?? '' };
  } finally {
    await rm(dir, { recursive: true });
  }
}

/**
 * Certificates for tests: an authority, a server certificate for 127.0.0.1 and localhost, and client certificates.
 *
 * Node has no call that makes a certificate, and a bare machine no openssl; the few lines of DER that a certificate needs are
 * written here (X.509: RFC 5280; DER: ITU-T X.690).
 */

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { giveToServer } from './account.ts';

/** The paths of a certificate and its private key, both PEM. */
export interface KeyPairFiles {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateFiles {
  /** Path of the authority's certificate, PEM. */
  readonly ca: string;
  readonly server: KeyPairFiles;
  /** A client certificate that names nobody. With authentication on, etcd's JSON gateway refuses those that do. */
  readonly nameless: KeyPairFiles;
  /** By common name. */
  readonly clients: Readonly<Record<string, KeyPairFiles>>;
}

function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  const digits = body.length.toString(16);
  const size = Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex');
  return Buffer.concat([Buffer.of(tag, 0x80 | size.length), size, body]);
}

const sequence = (...parts: Uint8Array[]) => der(0x30, ...parts);
const octets = (part: Uint8Array) => der(0x04, part);
const yes = der(0x01, Buffer.of(0xff));

/** An object identifier; no arc of those used here needs more than 32 bits. */
function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...arcs] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of arcs) {
    const digits = [arc & 0x7f];
    for (let rest = arc >>> 7; rest > 0; rest >>>= 7) digits.unshift((rest & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return der(0x06, Buffer.from(bytes));
}

const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'));

/** A distinguished name of a common name alone, or of nothing. */
function nameOf(commonName: string): Buffer {
  if (commonName === '') return sequence();
  const value = der(0x0c, Buffer.from(commonName, 'utf8'));
  return sequence(der(0x31, sequence(oid('2.5.4.3'), value)));
}

function time(date: Date): Buffer {
  const text = date.toISOString().replace(/[-:T]/g, '').slice(2, 14);
  return der(0x17, Buffer.from(`${text}Z`, 'latin1'));
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [yes] : []), octets(value));
}

const authorityExtensions = [
  extension('2.5.29.19', sequence(yes), true), // basicConstraints: an authority
  extension('2.5.29.15', der(0x03, Buffer.of(1, 0x06)), true), // keyUsage: keyCertSign, cRLSign
];

/** Both usages on every certificate: an etcd member is a server to its peers, and a client. */
const leafExtensions = [
  extension('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2'))),
  extension(
    '2.5.29.17',
    sequence(der(0x82, Buffer.from('localhost')), der(0x87, Buffer.of(127, 0, 0, 1))),
  ),
];

interface Identity {
  readonly name: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

function newIdentity(name: string): Identity {
  return { name, ...generateKeyPairSync('ec', { namedCurve: 'prime256v1' }) };
}

const dayMs = 86_400_000;

/** PEM texts that can be parsed and belong together, and that OpenSSL refuses to serve with. */
export function makeWeakPair(): { readonly cert: string; readonly key: string } {
  const authority = newIdentity('Watcher test authority');
  const weak = { name: '', ...generateKeyPairSync('rsa', { modulusLength: 512 }) };
  return {
    cert: certificate(weak, authority, leafExtensions, new Date()),
    key: weak.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function certificate(subject: Identity, issuer: Identity, extensions: Buffer[], now: Date): string {
  const serial = randomBytes(16);
  serial[0] = 0x01 | (serial[0]! & 0x7f);
  const signed = sequence(
    der(0xa0, der(0x02, Buffer.of(2))), // version 3
    der(0x02, serial),
    ecdsaWithSha256,
    nameOf(issuer.name),
    sequence(time(new Date(now.getTime() - dayMs)), time(new Date(now.getTime() + 30 * dayMs))),
    nameOf(subject.name),
    subject.publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign('sha256', signed, issuer.privateKey);
  const whole = sequence(signed, ecdsaWithSha256, der(0x03, Buffer.of(0), signature));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/**
 * Makes an authority and the certificates that it signs, valid for 30 days. The authority's own key is not kept.
 *
 * @param dir an absolute path; made if it is not there
 * @param clients common names of the client certificates
 */
export async function makeCertificates(
  dir: string,
  clients: readonly string[] = [],
): Promise<CertificateFiles> {
  await mkdir(dir, { recursive: true });
  const now = new Date();
  const authority = newIdentity('Watcher test authority');
  const ca = join(dir, 'ca.pem');
  await writeFile(ca, certificate(authority, authority, authorityExtensions, now));
  const issue = async (file: string, name: string): Promise<KeyPairFiles> => {
    const identity = newIdentity(name);
    const files = { cert: join(dir, `${file}.pem`), key: join(dir, `${file}-key.pem`) };
    await writeFile(files.cert, certificate(identity, authority, leafExtensions, now));
    const key = identity.privateKey.export({ type: 'pkcs8', format: 'pem' });
    await writeFile(files.key, key, { mode: 0o600 });
    return files;
  };
  // Without a name: etcd's JSON gateway calls its own server with this certificate, and etcd would take the name for a user's.
  const server = await issue('server', '');
  const nameless = await issue('client', '');
  const issued = await Promise.all(
    clients.map(async (name) => [name, await issue(`client-${name}`, name)] as const),
  );
  return { ca, server, nameless, clients: Object.fromEntries(issued) };
}

/** As `makeCertificates`, for a server that runs as `serverAccount`: it reads its files as that user, and refuses a key that others can read. */
export async function makeServerCertificates(
  dir: string,
  clients: readonly string[],
): Promise<CertificateFiles> {
  const certificates = await makeCertificates(dir, clients);
  await chmod(dir, 0o755);
  for (const file of [certificates.ca, certificates.server.cert, certificates.server.key]) {
    await giveToServer(file);
  }
  return certificates;
}

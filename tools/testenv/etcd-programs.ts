/** Where the etcd programs come from: the PATH, or Debian's packages unpacked into the cache. */

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ownRelease, unpackDebianPackages } from './apt.ts';
import { installOnce } from './cache.ts';
import { run } from './run.ts';

/** The Debian release that has a version of etcd. */
const releases = { '3.4': 'bookworm', '3.5': 'trixie' } as const;

/** The versions of etcd that can be asked for. */
export type EtcdVersion = keyof typeof releases;

export interface EtcdPrograms {
  readonly etcd: string;
  /** Undefined if the machine's own etcd came without it. */
  readonly etcdctl: string | undefined;
  /** For example `3.4.23`. */
  readonly version: string;
}

function onPath(program: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((file) => existsSync(file));
}

async function versionOf(etcd: string): Promise<string> {
  const text = await run(etcd, ['--version'], { env: { ETCD_UNSUPPORTED_ARCH: '' } });
  const version = /etcd Version: (\d+\.\d+\.\d+)/.exec(text)?.[1];
  if (version === undefined) throw new Error(`${etcd} --version says no version: ${text}`);
  return version;
}

async function unpacked(wanted: EtcdVersion | undefined): Promise<EtcdPrograms> {
  const release = wanted && releases[wanted];
  const name = `etcd-${release ?? (await ownRelease()) ?? 'own'}-${process.arch}`;
  const folder = await installOnce(name, (staging) =>
    unpackDebianPackages({ packages: ['etcd-server', 'etcd-client'], release }, staging),
  );
  const etcd = join(folder, 'usr/bin/etcd');
  return { etcd, etcdctl: join(folder, 'usr/bin/etcdctl'), version: await versionOf(etcd) };
}

/**
 * The etcd programs, downloaded on first use.
 *
 * @param wanted a version; without it, the one on the PATH or else the one of the machine's own release
 */
export async function etcdPrograms(wanted?: EtcdVersion): Promise<EtcdPrograms> {
  const etcd = onPath('etcd');
  if (etcd !== undefined) {
    const version = await versionOf(etcd);
    const usable = wanted === undefined ? /^3\.([4-9]|\d\d)\./ : new RegExp(`^${wanted}\\.`);
    if (usable.test(version)) return { etcd, etcdctl: onPath('etcdctl'), version };
  }
  if (onPath('apt-get') === undefined) {
    throw new Error(
      `no etcd ${wanted ?? '3.4 or later'} on the PATH, and no apt-get to download one with. ` +
        'Install etcd, or set TEST_ETCD_URL to a server that tests may write to, for example http://127.0.0.1:2379.',
    );
  }
  return unpacked(wanted).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `etcd could not be downloaded. Put etcd on the PATH, or set TEST_ETCD_URL to a server that tests may write to. ${reason}`,
      { cause },
    );
  });
}

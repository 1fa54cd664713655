/**
 * Where server programs and the data of running servers are kept, and how several processes fill that place at once.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, existsSync } from 'node:fs';
import { access, chmod, lstat, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isReachable, serverAccount } from './account.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** `.cache` of the repository, unless it cannot be written or the server's account cannot enter it. */
async function chooseFolder(): Promise<string> {
  const own = join(repository, '.cache');
  const refusals: string[] = [];
  const temporary = [...new Set([tmpdir(), '/var/tmp', '/tmp'])].map((folder) =>
    join(folder, `etcd-watcher-testenv-${process.getuid?.() ?? 0}`),
  );
  for (const folder of [own, ...temporary]) {
    const refusal = await whyUnusable(folder, folder !== own);
    if (refusal === undefined) return folder;
    refusals.push(`${folder}: ${refusal}`);
  }
  throw new Error(`no folder for the server programs:\n${refusals.join('\n')}`);
}

async function whyUnusable(folder: string, shared: boolean): Promise<string | undefined> {
  try {
    if ((await mkdir(folder, { recursive: true })) !== undefined) await chmod(folder, 0o755);
    await access(folder, constants.W_OK | constants.X_OK);
    const found = await lstat(folder);
    // In a folder that all may write to, another user may have put this one, and programs into it.
    const foreign = found.uid !== process.getuid?.() || (found.mode & 0o022) !== 0;
    if (shared && (!found.isDirectory() || foreign)) return 'belongs to another user';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return isReachable(folder) ? undefined : `closed to user ${serverAccount?.uid}`;
}

let chosen: Promise<string> | undefined;

/** The folder of all that the test environment keeps. Absolute; made on the first call. */
export function cacheFolder(): Promise<string> {
  chosen ??= chooseFolder();
  return chosen;
}

/** A new, empty folder for a server's data, open to no one else. */
export async function newServerFolder(name: string): Promise<string> {
  const parent = join(await cacheFolder(), 'run');
  await mkdir(parent, { recursive: true });
  // The server's account removes its own folder when we die, so it has to be able to write the parent.
  if (serverAccount !== undefined) await chmod(parent, 0o1777);
  return mkdtemp(join(parent, `${name}-`));
}

/**
 * Runs `work` while no other process holds the lock of that name. The kernel holds it for a `flock` process of ours that
 * ends when its stdin closes, so that nothing is left to clean up when we are killed.
 */
async function withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  const file = join(await cacheFolder(), `${name}.lock`);
  const holder = spawn('flock', [file, 'sh', '-c', 'echo held; exec cat'], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(holder, 'exit');
  const held = await Promise.race([
    once(holder.stdout, 'data').then(() => true),
    ended.then(() => false),
  ]);
  if (!held) throw new Error(`the lock ${file} could not be had`);
  try {
    return await work();
  } finally {
    holder.stdin.end();
    await ended;
  }
}

/**
 * The folder `name` of the cache, filled by `fill` if it is not there yet. What `fill` puts into the empty folder that it is
 * given appears under the final name all at once; processes that want the same at the same time wait for one of them.
 */
export async function installOnce(
  name: string,
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  const cache = await cacheFolder();
  const installed = join(cache, name);
  if (existsSync(installed)) return installed;
  return withLock(name, async () => {
    if (existsSync(installed)) return installed;
    // What an earlier process left here when it was killed; nobody else fills this name now.
    const staging = join(cache, `${name}.part`);
    await rm(staging, { recursive: true, force: true });
    await mkdir(staging);
    try {
      await chmod(staging, 0o755);
      await fill(staging);
      await rename(staging, installed);
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
    return installed;
  });
}

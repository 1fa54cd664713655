/**
 * Who runs the databases: they refuse to run as root, so root gives them to another account of the machine.
 */

import { spawnSync } from 'node:child_process';
import { chown } from 'node:fs/promises';

/** A user that a server runs as, in the form that `spawn` takes. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

function idOf(name: string): Account | undefined {
  const read = (flag: string) =>
    Number.parseInt(spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout ?? '', 10);
  const account = { uid: read('-u'), gid: read('-g') };
  return Number.isNaN(account.uid) || Number.isNaN(account.gid) ? undefined : account;
}

function findAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  return idOf('postgres') ?? idOf('nobody') ?? { uid: 65534, gid: 65534 };
}

/** The account for databases when we are root; undefined: our own user will do. */
export const serverAccount: Account | undefined = findAccount();

/** Whether the server's account can enter a folder: no folder on the way may be closed to it (a 0700 home of root is). */
export function isReachable(folder: string): boolean {
  if (serverAccount === undefined) return true;
  return spawnSync('test', ['-x', folder], { ...serverAccount, cwd: '/' }).status === 0;
}

/** Gives a file or an empty folder to the server's account. */
export async function giveToServer(path: string): Promise<void> {
  if (serverAccount !== undefined) await chown(path, serverAccount.uid, serverAccount.gid);
}

/** Programs of another release of Debian than the machine's: they need their own C library, and with it their own loader. */

import { chmod, lstat, open, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

async function filesOf(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

/** The folders of the libraries in the prefix, and the loader, all relative to it. */
async function findLibraries(prefix: string) {
  const folders: string[] = [];
  let loader: string | undefined;
  for (const parent of ['usr/lib', 'lib']) {
    for (const name of await filesOf(join(prefix, parent))) {
      if (!name.endsWith('-linux-gnu')) continue;
      const folder = join(parent, name);
      folders.push(folder);
      const found = (await filesOf(join(prefix, folder))).find((file) => /^ld-linux/.test(file));
      if (found !== undefined) loader = join(folder, found);
    }
  }
  if (loader === undefined) throw new Error(`${prefix} has no C library`);
  return { folders, loader };
}

async function isElf(file: string): Promise<boolean> {
  if (!(await lstat(file)).isFile()) return false;
  const handle = await open(file);
  try {
    const { buffer } = await handle.read({ buffer: Buffer.alloc(4) });
    return buffer.toString('latin1') === '\x7fELF';
  } finally {
    await handle.close();
  }
}

/**
 * Replaces each program of `usr/bin` and `usr/sbin` by a script that starts it, as `PROGRAM.real`, with the loader and the
 * libraries of the prefix. The script is given its place by its own path, so the prefix may be moved.
 */
export async function useOwnLoader(prefix: string): Promise<void> {
  const { folders, loader } = await findLibraries(prefix);
  const libraries = folders.map((folder) => `$p/${folder}`).join(':');
  for (const folder of ['usr/bin', 'usr/sbin']) {
    for (const name of await filesOf(join(prefix, folder))) {
      const program = join(prefix, folder, name);
      if (!(await isElf(program))) continue;
      await rename(program, `${program}.real`);
      const script = `#!/bin/sh
p=\${0%/*}/../..
exec "$p/${loader}" --library-path "${libraries}" --argv0 "$0" "$p/${folder}/${name}.real" "$@"
`;
      await writeFile(program, script);
      await chmod(program, 0o755);
    }
  }
}

/** Where the browser of the tests comes from: the PATH, or Debian's packages unpacked into the cache. */

import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { ownRelease, unpackDebianPackages } from './apt.ts';
import { installOnce } from './cache.ts';
import { NotInstallable } from './mysql-programs.ts';

/** A Chromium that runs without a screen. */
export interface BrowserProgram {
  readonly executablePath: string;
  readonly env: Readonly<Record<string, string>>;
}

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

function onPath(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(existsSync);
}

/** The shell of Chromium without a user interface: 120 MB to download with its libraries, 370 MB unpacked. */
const wanted = {
  // Of the libraries, zlib1g is the one whose name does not begin with lib.
  packages: ['chromium-headless-shell', 'chromium-common', 'fonts-dejavu-core', 'zlib1g'],
  withLibraries: true,
  // The C library has to be the one of the machine: Chromium starts itself again, without a loader of ours. The tools
  // are for menus and dialogs of a desktop, and bring half of one.
  present: ['libc6', 'x11-utils', 'xdg-utils'],
} as const;

const fontSettings = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir prefix="relative">usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
`;

/** Below `usr/lib` and `lib`: the folders with the libraries of this kind of machine, and those of their plug-ins. */
async function libraryFolders(prefix: string): Promise<string[]> {
  const found: string[] = [];
  for (const parent of [join(prefix, 'usr/lib'), join(prefix, 'lib')]) {
    const machines = (await readdir(parent).catch(() => [])).filter((name) =>
      name.endsWith('-linux-gnu'),
    );
    for (const name of machines) {
      const folder = join(parent, name);
      found.push(folder, join(folder, 'nss'), join(folder, 'pulseaudio'));
    }
  }
  return found.filter(existsSync);
}

/** The program, downloaded on first use. @throws NotInstallable with what to do instead */
export async function browserProgram(): Promise<BrowserProgram> {
  const own = onPath();
  if (own !== undefined) return { executablePath: own, env: {} };
  const name = `chromium-${(await ownRelease()) ?? 'own'}-${process.arch}`;
  try {
    const prefix = await installOnce(name, async (staging) => {
      await unpackDebianPackages(wanted, staging);
      await writeFile(join(staging, 'fonts.conf'), fontSettings);
    });
    return {
      executablePath: join(prefix, 'usr/lib/chromium/chromium-headless-shell'),
      env: {
        LD_LIBRARY_PATH: (await libraryFolders(prefix)).join(delimiter),
        FONTCONFIG_FILE: join(prefix, 'fonts.conf'),
      },
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const remedy = 'No Chromium is on the PATH, and it could not be downloaded from Debian.';
    throw new NotInstallable(`${remedy} Install one. ${reason}`, { cause });
  }
}

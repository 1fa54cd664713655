/**
 * Debian packages without installing them, and without root: downloaded by apt, signatures checked, and unpacked.
 *
 * The mirror is always the machine's own. Its package lists are used where they are there and still fit the mirror; else lists of
 * our own are fetched, from the machine's own sources.
 */

import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.ts';

const keyring = ['gpg', 'pgp']
  .map((ending) => `/usr/share/keyrings/debian-archive-keyring.${ending}`)
  .find(existsSync);

/** The name of the machine's own release, for example `bookworm`. */
export async function ownRelease(): Promise<string | undefined> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^VERSION_CODENAME="?([a-z]+)/m.exec(text)?.[1];
}

type Settings = Readonly<Record<string, string>>;

function optionsOf(settings: Settings): string[] {
  return Object.entries(settings).map(([key, value]) => `-o${key}=${value}`);
}

/** A newer version than any that is asked for. */
function asInstalled(name: string): string {
  return `Package: ${name}\nStatus: install ok installed\nArchitecture: all\nVersion: 999\n\n`;
}

/** A cache of our own and a dpkg status of our own, so that nothing depends on what is installed. The lists are the machine's. */
async function privateState(folder: string, present: Wanted['present']): Promise<Settings> {
  await mkdir(join(folder, 'cache', 'archives', 'partial'), { recursive: true });
  await writeFile(join(folder, 'status'), (present ?? []).map(asInstalled).join(''));
  return {
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': join(folder, 'cache'),
  };
}

interface PrivateApt {
  readonly options: readonly string[];
  readonly folder: string;
}

/** An apt with lists of its own, too. */
async function privateApt(folder: string, present: Wanted['present']): Promise<PrivateApt> {
  await mkdir(join(folder, 'lists', 'partial'), { recursive: true });
  const settings = {
    ...(await privateState(folder, present)),
    'Dir::State': folder,
    'Dir::State::Lists': join(folder, 'lists'),
    'Acquire::Languages': 'none',
    'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled': 'false',
    // Descriptions for software centres, which a desktop's apt fetches: a third of all that would be downloaded.
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
    'Acquire::GzipIndexes': 'true',
    'Acquire::Retries': '3',
    // A mirror may be a frozen snapshot. Signatures are verified all the same.
    'Acquire::Check-Valid-Until': 'false',
    // As root, apt would fetch as a user that cannot write this folder.
    ...(process.getuid?.() === 0 && { 'APT::Sandbox::User': 'root' }),
  };
  return { folder, options: optionsOf(settings) };
}

/** The base addresses of the distribution's archive, as the machine has them. */
async function mirrors(lists: readonly string[]): Promise<string[]> {
  const format = '$(SITE)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)';
  const text = await run('apt-get', [
    ...lists,
    'indextargets',
    '--format',
    format,
    'Created-By: Packages',
  ]);
  const sites = text
    .split('\n')
    .map((line) => line.split('|'))
    .filter(([, release, component, origin]) => {
      return component === 'main' && origin === 'Debian' && !release?.includes('-');
    })
    .map(([site]) => site ?? '');
  return [...new Set(sites)];
}

async function useOtherRelease(apt: PrivateApt, release: string): Promise<PrivateApt> {
  let sites = await mirrors([]);
  // A machine without package lists does not know whose they are: fetch the lists of its own sources first.
  if (sites.length === 0) {
    await run('apt-get', [...apt.options, '-qq', 'update']);
    sites = await mirrors(apt.options);
  }
  const site = sites[0];
  if (site === undefined) throw new Error('apt has no source for Debian on this machine');
  const list = join(apt.folder, 'sources.list');
  const signedBy = keyring === undefined ? '' : `[signed-by=${keyring}] `;
  await writeFile(list, `deb ${signedBy}${site} ${release} main\n`);
  const sources = [`-oDir::Etc::sourcelist=${list}`, '-oDir::Etc::sourceparts=/dev/null'];
  return {
    ...apt,
    options: [...apt.options, ...sources, '-oDir::Etc::preferencesparts=/dev/null'],
  };
}

export interface Wanted {
  readonly packages: readonly string[];
  /** Of Debian; the machine's own without it. */
  readonly release?: string | undefined;
  /** Also the shared libraries that they need, the C library with its loader included. */
  readonly withLibraries?: boolean;
  /** Packages that are taken for installed: neither they nor what only they depend on is fetched. */
  readonly present?: readonly string[];
}

/** The packages and the libraries that they depend on, each with its version: `name=version`. */
async function resolveLibraries(
  options: readonly string[],
  packages: readonly string[],
): Promise<string[]> {
  const flags = ['-qq', '--no-install-recommends', '--simulate', '--yes'];
  const plan = await run('apt-get', [...options, ...flags, 'install', ...packages]);
  return [...plan.matchAll(/^Inst (\S+) \((\S+)/gm)]
    .filter(([, name = '']) => packages.includes(name) || /^lib(?!perl|.*-perl$)/.test(name))
    .map(([, name, version]) => `${name}=${version}`);
}

async function fetchDebs(options: readonly string[], wanted: Wanted, folder: string) {
  const names = wanted.withLibraries
    ? await resolveLibraries(options, wanted.packages)
    : wanted.packages;
  await run('apt-get', [...options, '-qq', 'download', ...names], { cwd: folder });
}

async function download(wanted: Wanted, folder: string): Promise<void> {
  const { release, present } = wanted;
  const own = release === undefined || release === (await ownRelease());
  if (own) {
    // The cheap way: the lists that are there. They may be missing, or older than the mirror.
    const state = wanted.withLibraries ? await privateState(join(folder, 'state'), present) : {};
    const tried = await fetchDebs(optionsOf(state), wanted, folder).then(
      () => true,
      () => false,
    );
    if (tried) return;
  }
  let apt = await privateApt(join(folder, 'apt'), present);
  if (!own) apt = await useOtherRelease(apt, release);
  await run('apt-get', [...apt.options, '-qq', 'update']);
  await fetchDebs(apt.options, wanted, folder);
}

/** Unpacks Debian packages into a folder. `.debs` in it is removed at the end. */
export async function unpackDebianPackages(wanted: Wanted, into: string): Promise<void> {
  const debs = join(into, '.debs');
  await mkdir(debs);
  await download(wanted, debs);
  for (const deb of (await readdir(debs)).filter((name) => name.endsWith('.deb'))) {
    await run('dpkg-deb', ['-x', join(debs, deb), into]);
  }
  await rm(debs, { recursive: true });
}

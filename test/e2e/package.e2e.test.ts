/** The package as somebody installs it: packed, installed from the tarball in an empty folder, and used there. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase } from '../support/database.ts';
import { etcd, postgres } from '../support/servers.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const tsc = join(root, 'node_modules/typescript/bin/tsc');

let dir: string;
let app: string;
let packed: readonly string[];

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function run(command: string, args: readonly string[], cwd: string): Promise<Ended> {
  // As in a shell of its own: npm tells what it runs of the npm that called it.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')),
  );
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code, out, err };
}

async function succeed(...call: Parameters<typeof run>): Promise<string> {
  const { code, out, err } = await run(...call);
  if (code !== 0) throw new Error(`${call[0]} ${call[1].join(' ')}: ${code}\n${out}${err}`);
  return out;
}

const notPacked = new Set(['.git', '.cache', 'coverage', 'dist', 'node_modules']);

/** From a copy: packing builds anew, and other tests run what was built here. */
async function pack(): Promise<{ filename: string; files: { path: string }[] }> {
  const copy = join(dir, 'copy');
  await cp(root, copy, {
    recursive: true,
    filter: (source) => dirname(source) !== resolve(root) || !notPacked.has(basename(source)),
  });
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
  await mkdir(join(copy, 'dist'));
  await writeFile(join(copy, 'dist', 'stale.js'), '');
  const out = await succeed('npm', ['pack', '--json', '--pack-destination', dir], copy);
  // Before it stands what the build printed.
  const [report] = JSON.parse(out.slice(out.search(/^\[$/m)));
  return report;
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'watcher-package-'));
  app = join(dir, 'app');
  await mkdir(app);
  const { filename, files } = await pack();
  packed = files.map(({ path }) => path);
  await writeFile(join(app, 'package.json'), '{ "private": true, "type": "module" }');
  // What `npm ci` has downloaded is in npm's cache.
  const install = ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund'];
  await succeed('npm', [...install, join(dir, filename)], app);
}, 180_000);

afterAll(() => rm(dir, { recursive: true, force: true }));

const watcher = (...args: string[]) => run('node_modules/.bin/watcher', args, app);

test('it holds what is used, and nothing of the development', async () => {
  for (const path of [
    'LICENSE',
    'README.md',
    'dist/cli.js',
    'dist/plugin.d.ts',
    'dist/web/index.html',
  ]) {
    expect(packed).toContain(path);
  }
  const folders = new Set(packed.map((path) => path.split('/')[0]));
  expect([...folders].sort()).toEqual(
    ['LICENSE', 'README.md', 'dist', 'docs', 'openapi', 'package.json', 'sample'].sort(),
  );
  expect(packed.filter((path) => path.startsWith('sample/secrets'))).toEqual([]);
});

test('every program file of it has a source: what an earlier build left is not in it', async () => {
  const programs = packed.filter((path) => /^dist\/.*\.js$/.test(path));
  expect(programs.length).toBeGreaterThan(100);
  const source = (path: string) =>
    path
      .replace(/^dist\/web\/assets\//, 'src/web/')
      .replace(/^dist\//, 'src/')
      .replace(/\.js$/, '.ts');
  expect(programs.filter((path) => !existsSync(join(root, source(path))))).toEqual([]);
});

test('the installed program says its version', async () => {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  expect(await watcher('--version')).toEqual({ code: 0, out: `${version}\n`, err: '' });
});

test('check, against real servers', async () => {
  await using database = await createDatabase(postgres(18));
  await database.query('CREATE TABLE item (id int PRIMARY KEY)');
  const { host, port, user, password } = database.server;
  const config = {
    etcd: { endpoints: [new URL(etcd().endpoint).host] },
    syncs: { shop: { database: { host, port, user, password, name: database.name } } },
  };
  await writeFile(join(app, 'watcher.yml'), JSON.stringify(config));
  const { code, out, err } = await watcher('check', '-c', 'watcher.yml');
  expect({ code, err }, out).toEqual({ code: 0, err: '' });
  expect(out).toMatch(/public\.item +can be read/);
});

test('run: the API, the dashboard and the documentation are all there', async () => {
  const config = {
    api: { port: 0 },
    etcd: { endpoints: ['127.0.0.1:1'] },
    syncs: { a: { autostart: false, database: { host: '127.0.0.1', port: 1, name: 'a' } } },
  };
  await writeFile(join(app, 'run.yml'), JSON.stringify(config));
  const child = spawn('node_modules/.bin/watcher', ['-c', 'run.yml'], {
    cwd: app,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    let url = '';
    for await (const line of createInterface({ input: child.stdout })) {
      const { msg, url: address } = JSON.parse(line) as { msg: string; url?: string };
      if (msg === 'serving' && address !== undefined) {
        url = address;
        break;
      }
    }
    for (const path of ['/', '/docs/', '/openapi.json', '/v1/syncs', '/metrics']) {
      const answer = await fetch(`${url}${path}`);
      expect([path, answer.status]).toEqual([path, 200]);
      const page = await answer.text();
      if (path !== '/') continue;
      const links = [...page.matchAll(/(?:href|src)="([^"#]+)"/g)].map(([, link]) => String(link));
      expect(links.length).toBeGreaterThan(1);
      for (const link of links) {
        const { status } = await fetch(new URL(link, `${url}/`));
        expect([link, status]).toEqual([link, 200]);
      }
    }
    const { code, out } = await watcher('status', 'a', '--url', url);
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringMatching(/^a {2}stopped/) });
  } finally {
    child.kill();
    await once(child, 'exit');
  }
});

const program = `
import Fastify from 'fastify';
import { type Authenticate, type Role, watcher, type WatcherOptions } from 'etcd-watcher';

const authenticate: Authenticate = ({ headers }) => {
  const role: Role = headers['x-user'] === 'ops' ? 'admin' : 'read';
  return role;
};
const options: WatcherOptions = { configFile: 'embedded.yml', authenticate };
const app = Fastify();
await app.register(watcher, { ...options, prefix: '/replication' });
await app.ready();
const { statusCode, body } = await app.inject('/replication/v1/syncs');
console.log(statusCode, JSON.parse(body).syncs[0].name);
await app.close();
`;

test('the plugin is imported, type-checked, and runs', async () => {
  const config = {
    etcd: { endpoints: ['127.0.0.1:1'] },
    syncs: { embedded: { autostart: false, database: { host: '127.0.0.1', port: 1, name: 'a' } } },
  };
  await writeFile(join(app, 'embedded.yml'), JSON.stringify(config));
  await writeFile(join(app, 'index.ts'), program);
  for (const [module, moduleResolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ]) {
    const options = {
      target: 'es2023',
      module,
      moduleResolution,
      strict: true,
      exactOptionalPropertyTypes: true,
      typeRoots: [join(root, 'node_modules/@types')],
      types: ['node'],
    };
    const settings = { compilerOptions: options, files: ['index.ts'] };
    await writeFile(join(app, 'tsconfig.json'), JSON.stringify(settings));
    await succeed(process.execPath, [tsc, '-p', '.'], app);
  }
  const { code, out, err } = await run(process.execPath, ['index.js'], app);
  expect({ code, out, err }).toEqual({ code: 0, out: '200 embedded\n', err: '' });

  await writeFile(join(app, 'index.ts'), program.replace("'admin' : 'read'", "'root' : 'read'"));
  const wrong = await run(process.execPath, [tsc, '-p', '.', '--noEmit'], app);
  expect(wrong).toMatchObject({ code: 1, out: expect.stringMatching(/"root"/) });
});

test('only what is exported can be imported', async () => {
  const call = (specifier: string) =>
    run(
      process.execPath,
      ['-e', `import('${specifier}').then((m) => console.log(Object.keys(m)))`],
      app,
    );
  expect((await call('etcd-watcher')).out).toBe("[ 'watcher' ]\n");
  expect((await call('etcd-watcher/dist/main.js')).err).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED');
  expect(await readdir(join(app, 'node_modules/etcd-watcher'))).toContain('sample');
});

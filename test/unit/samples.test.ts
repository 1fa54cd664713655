/**
 * The samples for deploying. Docker, a cluster and systemd are not here: the files are parsed, held against schemas where there are
 * some, and their configurations are read by the reader of Watcher.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { makePem } from '../support/pem.ts';

const pem = await makePem();
const root = new URL('../../', import.meta.url);
const sample = new URL('sample/', root);
const read = (path: string) => readFileSync(new URL(path, sample), 'utf8');
const yaml = (path: string) => parse(read(path), { merge: true });
const openapi = JSON.parse(readFileSync(new URL('openapi/openapi.json', root), 'utf8'));

/** @param files What the configuration may read, by path. */
function load(text: string, files: Readonly<Record<string, string>>, env = {}): Config {
  const result = loadConfig(text, {
    file: '/etc/watcher/watcher.yml',
    env,
    hostname: 'host',
    readFile: (path) => files[path] ?? expect.fail(`nothing is mounted at ${path}`),
  });
  if ('config' in result) return result.config;
  return expect.fail(JSON.stringify(result.violations));
}

/** Secrets that differ, as long as tokens must be. */
function secretFiles(folder: string, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [`${folder}/${name}`, `a-secret-called-${name}`]));
}

describe('watcher.yml', () => {
  const text = read('watcher.yml');
  /** What stands behind a `#` and is a key or an item of a list, in its place. */
  const uncovered = text.replace(/^( *)# ( *(?:[a-z_]+:|- ).*)$/gm, '$1$2');
  const files = {
    '/etc/watcher/ops-token': 'a-token-for-the-ops',
    '/etc/watcher/orders-password': 'secret',
    '/etc/watcher/api-cert.pem': pem.cert,
    '/etc/watcher/api-key.pem': pem.key,
    '/etc/watcher/etcd-ca.pem': pem.cert,
    '/etc/watcher/etcd-client.pem': pem.cert,
    '/etc/watcher/etcd-client.key': pem.key,
    '/etc/watcher/db-ca.pem': pem.cert,
  };
  const shown = load(uncovered, files, { WATCHER_READ_TOKEN: 'a-token-for-prometheus' });
  const [inventory, orders] = shown.syncs;

  test('what is behind a # is valid, and where it is a default, it is that', () => {
    const covered = load(text, {});
    expect({
      ...shown,
      instance: 'host',
      api: { ...shown.api, tokens: [], tls: null },
      etcd: { ...shown.etcd, tls: null },
      syncs: [
        { ...inventory, database: { ...inventory?.database, tls: { mode: 'prefer', ca: null } } },
      ],
    }).toEqual(covered);
  });

  test('that of MySQL too', () => {
    const head = 'etcd: { endpoints: ["localhost:2379"] }\nsyncs: { orders: ';
    const short = `{ driver: mysql, database: { host: localhost, name: orders, password: secret } } }`;
    const [least] = load(head + short, {}).syncs;
    expect({ ...orders, tables: least?.tables }).toEqual(least);
    expect(orders?.tables.include).toEqual(['orders.*']);
  });
});

describe('docker-compose.yml', () => {
  interface Service {
    readonly image: string;
    readonly build?: object;
    readonly user?: string;
    readonly read_only?: boolean;
    readonly cap_drop?: string[];
    readonly security_opt?: string[];
    readonly healthcheck?: { readonly test: string[] };
    readonly command?: string[];
    readonly entrypoint?: unknown;
    readonly secrets?: string[];
    readonly volumes?: string[];
    readonly ports?: string[];
    readonly depends_on?: Record<string, unknown>;
  }
  const file = yaml('docker-compose.yml') as {
    services: Record<string, Service>;
    volumes: Record<string, null>;
    secrets: Record<string, { file: string }>;
  };
  const services = Object.entries(file.services);
  const mounts = services.flatMap(([, { volumes = [] }]) =>
    volumes.map((volume) => volume.split(':') as [string, string, string?]),
  );

  test('has every part', () => {
    expect(Object.keys(file.services).sort()).toEqual(
      ['etcd', 'grafana', 'mysql', 'postgres', 'prometheus', 'watcher'].sort(),
    );
  });

  test.each(services)('%s: hardened, healthy, reached from this machine only', (name, service) => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
    // That of Watcher is in its image, as is its user.
    if (service.build === undefined) {
      expect(service.image).toMatch(/:v?\d/);
      expect(service.healthcheck?.test[0]).toBe('CMD');
      if (name !== 'etcd') expect(service.user).toMatch(/^[1-9]\d*:\d+$/);
    } else {
      expect(service).not.toHaveProperty('user');
      expect(service).not.toHaveProperty('command');
      expect(service).not.toHaveProperty('entrypoint');
    }
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  test('what is mounted, is there; volumes, secrets and services that are named, are declared', () => {
    const own = mounts.filter(([source]) => source.startsWith('./'));
    expect(own.length).toBeGreaterThan(5);
    for (const [source, , mode] of own) {
      expect([source, existsSync(new URL(source, sample))]).toEqual([source, true]);
      expect(mode).toBe('ro');
    }
    const volumes = mounts.map(([source]) => source).filter((source) => !source.startsWith('./'));
    expect(volumes.sort()).toEqual(Object.keys(file.volumes).sort());
    const used = services.flatMap(([, { secrets = [] }]) => secrets);
    expect([...new Set(used)].sort()).toEqual(Object.keys(file.secrets).sort());
    for (const [, { depends_on: others = {} }] of services) {
      for (const other of Object.keys(others)) expect(file.services).toHaveProperty([other]);
    }
  });

  test('the comment at the top makes every secret, and git and npm see none of them', () => {
    const [, names = ''] = /for name in (.*)\n/.exec(read('docker-compose.yml')) ?? [];
    expect(names.split(' ').sort()).toEqual(Object.keys(file.secrets).sort());
    for (const { file: path } of Object.values(file.secrets))
      expect(path).toMatch(/^\.\/secrets\//);
    expect(read('.gitignore')).toMatch(/^secrets\/$/m);
  });

  test('the configuration is valid, of these services, with the secrets that the container has', () => {
    const names = file.services.watcher?.secrets ?? [];
    const config = load(read('compose/watcher.yml'), secretFiles('/run/secrets', names));
    for (const [host = '', port] of config.etcd.endpoints.map((endpoint) => endpoint.split(':'))) {
      expect([host, port]).toEqual(['etcd', '2379']);
    }
    expect(config.syncs.map(({ driver, database }) => [driver, database.host])).toEqual([
      ['pgx', 'postgres'],
      ['mysql', 'mysql'],
    ]);
    expect(config.api.host).toBe('0.0.0.0');
    expect(file.services.watcher?.ports).toEqual([`127.0.0.1:8080:${config.api.port}`]);
    expect(config.api.tokens.map(({ role }) => role)).toEqual(['admin', 'read']);
  });

  test('Prometheus asks Watcher with a token that may read, and Grafana asks Prometheus', () => {
    const { scrape_configs: jobs, rule_files: rules } = yaml('prometheus.yml');
    expect(jobs).toHaveLength(1);
    expect(jobs[0].static_configs).toEqual([{ targets: ['watcher:8080'] }]);
    expect(openapi.paths).toHaveProperty(['/metrics']);
    const credentials = jobs[0].authorization.credentials_file;
    expect(credentials).toBe('/run/secrets/read_token');
    const { tokens } = yaml('compose/watcher.yml').api;
    const token = tokens.find((each: { token_file: string }) => each.token_file === credentials);
    expect(token.role).toBe('read');
    for (const rule of rules) expect(mounts.map(([, target]) => target)).toContain(rule);
    expect(yaml('compose/grafana-datasource.yml').datasources[0].url).toBe(
      'http://prometheus:9090',
    );
    const { path } = yaml('compose/grafana-dashboards.yml').providers[0].options;
    expect(mounts.some(([, target]) => target.startsWith(`${path}/`))).toBe(true);
  });

  test.each(readdirSync(new URL('compose/', sample)).filter((name) => name.endsWith('.sh')))(
    '%s is a script that a shell can read',
    (name) => {
      const path = fileURLToPath(new URL(`compose/${name}`, sample));
      expect(spawnSync('/bin/sh', ['-n', path], { encoding: 'utf8' })).toMatchObject({
        status: 0,
        stderr: '',
      });
      expect(mounts.some(([source]) => source === `./compose/${name}`)).toBe(true);
    },
  );
});

describe('kubernetes.yaml', () => {
  const objects = parseAllDocuments(read('kubernetes.yaml')).map((document) => document.toJS());
  const of = (kind: string) => objects.find((object) => object.kind === kind);
  const { kinds, $defs } = JSON.parse(
    readFileSync(new URL('test/fixtures/kubernetes/v1.33.json', root), 'utf8'),
  ) as { kinds: Record<string, string>; $defs: Record<string, object> };

  function errorsOf(object: { kind: string }): unknown[] {
    const validator = Compile({ $ref: `#/$defs/${kinds[object.kind]}`, $defs } as TSchema);
    return validator.Check(object) ? [] : validator.Errors(object);
  }

  test.each(Object.keys(kinds))('%s is there, and is what Kubernetes takes', (kind) => {
    const object = of(kind);
    expect(errorsOf(object)).toEqual([]);
    expect(object.metadata).toMatchObject({
      name: 'watcher',
      labels: { 'app.kubernetes.io/name': 'watcher' },
    });
    expect(errorsOf({ ...object, nonsense: 1 })).not.toEqual([]);
  });

  test('the schemas are looked at to their depth', () => {
    const deployment = structuredClone(of('Deployment'));
    deployment.spec.template.spec.containers[0].livenessProbe.httpGet.pth = '/';
    expect(JSON.stringify(errorsOf(deployment))).toContain('livenessProbe');
  });

  const pod = () => of('Deployment').spec.template.spec;
  const container = () => pod().containers[0];

  test('not as root, nothing to write to, no privileges, no token of the cluster', () => {
    expect(pod()).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    });
    expect(container().securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    // The user is the one of the image.
    const dockerfile = readFileSync(new URL('Dockerfile', root), 'utf8');
    const { runAsUser, runAsGroup } = pod().securityContext;
    expect(dockerfile).toContain(`\nUSER ${runAsUser}:${runAsGroup}\n`);
    expect(container()).not.toHaveProperty('command');
    expect(container()).not.toHaveProperty('args');
  });

  test('the probes ask what the API has, and a standby is ready', () => {
    for (const probe of ['livenessProbe', 'startupProbe', 'readinessProbe']) {
      const { path, port } = container()[probe].httpGet;
      expect(openapi.paths).toHaveProperty([path]);
      expect(container().ports.map(({ name }: { name: string }) => name)).toContain(port);
    }
    expect(container().readinessProbe.httpGet.path).toBe('/readyz');
  });

  test('the selectors are those of the pods', () => {
    const labels = of('Deployment').spec.template.metadata.labels;
    expect(of('Deployment').spec.selector.matchLabels).toEqual(labels);
    expect(of('Service').spec.selector).toEqual(labels);
    expect(of('PodDisruptionBudget').spec.selector.matchLabels).toEqual(labels);
    expect(of('NetworkPolicy').spec.podSelector.matchLabels).toEqual(labels);
    expect(pod().serviceAccountName).toBe(of('ServiceAccount').metadata.name);
  });

  test('the configuration is valid, with the files that the pod has; what it reaches, it may', () => {
    const folder = container().volumeMounts.find(
      ({ name }: { name: string }) => name === 'secrets',
    );
    const config = load(
      of('ConfigMap').data['watcher.yml'],
      secretFiles(folder.mountPath, Object.keys(of('Secret').stringData)),
    );
    const dockerfile = readFileSync(new URL('Dockerfile', root), 'utf8');
    const mount = container().volumeMounts.find(({ name }: { name: string }) => name === 'config');
    expect(dockerfile).toContain(`"${mount.mountPath}/watcher.yml"`);
    expect(container().ports[0].containerPort).toBe(config.api.port);
    const allowed = of('NetworkPolicy').spec.egress.flatMap(
      ({ ports }: { ports: { port: number }[] }) => ports.map(({ port }) => port),
    );
    const reached = [
      ...config.etcd.endpoints.map((endpoint) => Number(endpoint.split(':')[1])),
      ...config.syncs.map(({ database }) => database.port),
    ];
    expect(allowed).toEqual(expect.arrayContaining(reached));
    // As they stand in the file they are refused by nothing but their reader: tokens have to be long enough.
    for (const [name, value] of Object.entries(of('Secret').stringData)) {
      if (name.endsWith('-token')) expect(String(value).length).toBeGreaterThanOrEqual(16);
    }
  });
});

describe('watcher.service', () => {
  const text = read('watcher.service');
  const settings = text
    .split('\n')
    .filter((line) => /^[A-Z]\w+=/.test(line))
    .map((line) => line.split(/=(.*)/s, 2) as [string, string]);
  const value = (name: string) => settings.find(([key]) => key === name)?.[1];

  test('starts node itself with the program of the package', () => {
    const { bin } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
      bin: { watcher: string };
    };
    expect(value('ExecStart')).toMatch(
      new RegExp(`^/usr/bin/node --enable-source-maps /.*/etcd-watcher/${bin.watcher} run -c /`),
    );
    expect(value('ExecReload')).toBe('/bin/kill -HUP $MAINPID');
    // An invalid configuration does not get better by being read again.
    expect(value('RestartPreventExitStatus')).toBe('2');
  });

  test('the password comes as its comment says', () => {
    const [, path] = /password_file: "(.*)"/.exec(text) ?? [];
    const [credential] = String(value('LoadCredential')).split(':');
    const config = load(
      `etcd: { endpoints: ["localhost:2379"] }
syncs: { a: { database: { host: localhost, name: a, password_file: "${path}" } } }`,
      { [`/run/credentials/${credential}`]: 'secret\n' },
      { CREDENTIALS_DIRECTORY: '/run/credentials' },
    );
    expect(config.syncs[0]?.database.password).toBe('secret');
  });

  const analyze = '/usr/bin/systemd-analyze';
  test.skipIf(!existsSync(analyze))(
    'systemd understands all of it, and finds little exposed',
    () => {
      const dir = mkdtempSync(join(tmpdir(), 'watcher-unit-'));
      try {
        const unit = join(dir, 'watcher.service');
        writeFileSync(unit, text.replace('/usr/bin/node', process.execPath));
        const verify = spawnSync(analyze, ['verify', unit], { encoding: 'utf8' });
        expect({ status: verify.status, said: verify.stderr }).toEqual({ status: 0, said: '' });
        const threshold = ['security', '--offline=true', '--threshold=20', unit];
        const security = spawnSync(analyze, threshold, { encoding: 'utf8' });
        expect({ status: security.status, said: security.stderr }).toEqual({ status: 0, said: '' });
      } finally {
        rmSync(dir, { recursive: true, force: true });
      }
    },
  );
});

test('no sample starts npm', () => {
  for (const path of ['docker-compose.yml', 'kubernetes.yaml', 'watcher.service']) {
    const commands = read(path).replace(/#.*/g, '');
    expect(commands).not.toMatch(/\bnp[mx]\b/);
  }
});

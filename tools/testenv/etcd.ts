/** etcd servers for tests, the demo and benchmarks: real ones, single or a cluster, on loopback. */

import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { newServerFolder } from './cache.ts';
import { type CertificateFiles, makeCertificates } from './certificates.ts';
import { callEtcd, type EtcdAddress, type EtcdTarget } from './etcd-http.ts';
import { type EtcdPrograms, type EtcdVersion, etcdPrograms } from './etcd-programs.ts';
import { poll } from './poll.ts';
import { freePort } from './ports.ts';
import { run } from './run.ts';
import { logTail, type Supervised, startSupervised } from './supervised.ts';

export interface EtcdOptions {
  /** Without it: the etcd on the PATH, or that of the machine's own Debian release. */
  readonly version?: EtcdVersion;
  /** More arguments for every member, for example `['--quota-backend-bytes', '33554432']`. */
  readonly args?: readonly string[];
  /** `server`: TLS, with a server certificate. `mutual`: clients need a certificate too. */
  readonly tls?: 'server' | 'mutual';
  /** The number of members; 1 without it. */
  readonly clusterOf?: number;
  /** A folder to keep the data in, absolute. Without it: a new folder that goes with the server. */
  readonly dir?: string;
  /** True: writes wait for the disk, as in production. */
  readonly fsync?: boolean;
}

/** What can be done to one member, or to all at once. */
export interface EtcdControl {
  /** An orderly end. */
  stop(): Promise<void>;
  /** Starts what is stopped, on the same data and ports, and waits until it serves: for a majority, start them together. */
  start(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** SIGSTOP: connections stay open, nothing is answered. */
  pause(): void;
  /** Ends a pause. */
  resume(): void;
}

export interface EtcdMember extends EtcdControl {
  readonly endpoint: string;
  readonly dir: string;
  /** Throws while the member is stopped. */
  readonly pid: number;
}

export interface EtcdServer extends EtcdAddress, EtcdTarget, EtcdControl, AsyncDisposable {
  readonly endpoint: string;
  /** `host:port` of all members. */
  readonly addresses: readonly string[];
  readonly members: readonly EtcdMember[];
  readonly dir: string;
  /** Of the first member. Throws while it is stopped. */
  readonly pid: number;
  /** With `tls`. There are client certificates for the names `root` and `app`. */
  readonly certificates: CertificateFiles | undefined;
  readonly etcdctl: string | undefined;
  /**
   * The member that leads now. While it is gone the others elect another, and what was written in that time may time out, done
   * or not.
   *
   * @param token of `root`, where authentication is on
   */
  leader(token?: string): Promise<EtcdMember>;
}

interface Plan {
  readonly programs: EtcdPrograms;
  readonly options: EtcdOptions;
  readonly dir: string;
  readonly certificates: CertificateFiles | undefined;
  /** Arguments that are the same for every member. */
  readonly args: readonly string[];
}

interface Ports {
  readonly client: number;
  readonly peer: number;
}

function tlsArguments(options: EtcdOptions, certificates: CertificateFiles): string[] {
  const { ca, server } = certificates;
  const args = ['--cert-file', server.cert, '--key-file', server.key];
  const peer = ['--peer-cert-file', server.cert, '--peer-key-file', server.key];
  args.push(...peer, '--peer-trusted-ca-file', ca, '--peer-client-cert-auth');
  if (options.tls === 'mutual') args.push('--client-cert-auth', '--trusted-ca-file', ca);
  return args;
}

async function makePlan(options: EtcdOptions): Promise<Plan> {
  const programs = await etcdPrograms(options.version);
  const dir = options.dir ?? (await newServerFolder('etcd'));
  await mkdir(dir, { recursive: true });
  const certificates = options.tls && (await makeCertificates(join(dir, 'tls'), ['root', 'app']));
  // From 3.5 on; tests need no data that outlives a power cut.
  const help = await run(programs.etcd, ['--help'], { env: { ETCD_UNSUPPORTED_ARCH: '' } });
  const args = [
    ...(!options.fsync && help.includes('--unsafe-no-fsync') ? ['--unsafe-no-fsync'] : []),
    ...(certificates ? tlsArguments(options, certificates) : []),
    ...(options.args ?? []),
  ];
  return { programs, options, dir, certificates, args };
}

function targetOf(plan: Plan, endpoint: string): EtcdTarget {
  const { certificates } = plan;
  return {
    endpoint,
    tls: certificates && { ca: certificates.ca, client: certificates.nameless },
  };
}

/** Whether a member answers; a member does so only once it has joined a majority. */
async function answers(plan: Plan, endpoint: string): Promise<boolean> {
  return callEtcd(targetOf(plan, endpoint), { path: '/health' }, 1_000).then(
    (health) => (health as { health: string }).health === 'true',
    () => false,
  );
}

class Member implements EtcdMember {
  readonly endpoint: string;
  readonly dir: string;
  readonly #plan: Plan;
  readonly #args: readonly string[];
  #process: Supervised | undefined;

  constructor(plan: Plan, cluster: readonly Ports[], index: number, token: string) {
    const scheme = plan.certificates ? 'https' : 'http';
    const url = (port: number) => `${scheme}://127.0.0.1:${port}`;
    const own = cluster[index];
    if (own === undefined) throw new RangeError(`no member ${index}`);
    this.#plan = plan;
    this.endpoint = url(own.client);
    this.dir = join(plan.dir, `n${index + 1}`);
    const peers = cluster.map(({ peer }, at) => `n${at + 1}=${url(peer)}`).join(',');
    this.#args = [
      ...['--name', `n${index + 1}`, '--data-dir', join(this.dir, 'data')],
      ...['--listen-client-urls', this.endpoint, '--advertise-client-urls', this.endpoint],
      ...['--listen-peer-urls', url(own.peer), '--initial-advertise-peer-urls', url(own.peer)],
      ...['--initial-cluster', peers, '--initial-cluster-token', token],
      ...plan.args,
    ];
  }

  #running(): Supervised {
    if (!this.#process?.running) throw new Error(`etcd ${this.endpoint} is stopped`);
    return this.#process;
  }

  get pid(): number {
    return this.#running().pid;
  }

  get running(): boolean {
    return this.#process?.running ?? false;
  }

  async start(): Promise<void> {
    if (this.running) return;
    await mkdir(this.dir, { recursive: true });
    const started = await startSupervised({
      name: 'etcd',
      command: this.#plan.programs.etcd,
      args: this.#args,
      dir: this.dir,
      // etcd before 3.5 refuses every architecture but amd64 unless it is told.
      env: process.arch === 'x64' ? {} : { ETCD_UNSUPPORTED_ARCH: process.arch },
      lastSignal: 'KILL',
      temporaryFolder: this.#plan.options.dir === undefined ? this.#plan.dir : undefined,
    });
    this.#process = started;
    await poll(`etcd is ready (${this.dir}/server.log)`, async () => {
      await started.assertRunning();
      return answers(this.#plan, this.endpoint);
    });
  }

  async stop(): Promise<void> {
    await this.#process?.end('SIGTERM');
  }

  async kill(): Promise<void> {
    await this.#process?.end('SIGKILL');
  }

  pause(): void {
    this.#running().signal('SIGSTOP');
  }

  resume(): void {
    this.#running().signal('SIGCONT');
  }
}

async function startMembers(plan: Plan): Promise<Member[]> {
  const count = plan.options.clusterOf ?? 1;
  for (let attempt = 1; ; attempt += 1) {
    const ports: Ports[] = [];
    for (let index = 0; index < count; index += 1) {
      ports.push({ client: await freePort(), peer: await freePort() });
    }
    const token = randomUUID();
    const members = ports.map((_, index) => new Member(plan, ports, index, token));
    const started = await Promise.allSettled(members.map((member) => member.start()));
    const failure = started.find((result) => result.status === 'rejected');
    if (failure === undefined) return members;
    const logs = await Promise.all(members.map((member) => logTail(member.dir)));
    await Promise.all(members.map((member) => member.kill()));
    const clash = logs.some((log) => /address already in use/.test(log));
    if (attempt === 5 || !clash) throw failure.reason;
    await Promise.all(members.map((member) => rm(member.dir, { recursive: true })));
  }
}

async function findLeader(plan: Plan, members: readonly Member[], token?: string) {
  for (const member of members.filter(({ running }) => running)) {
    const target = { ...targetOf(plan, member.endpoint), token };
    const answer = await callEtcd(target, { path: '/v3/maintenance/status', body: {} });
    const status = answer as { header: { member_id: string }; leader?: string };
    if (status.leader === status.header.member_id) return member;
  }
  throw new Error('no running member of this etcd leads');
}

/**
 * Starts an etcd, downloading it if needed. It ends with its disposal, or with this process. Authentication is off; see
 * `enableEtcdAuth`.
 */
export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdServer> {
  const plan = await makePlan(options);
  const members = await startMembers(plan);
  const first = members[0];
  if (first === undefined) throw new RangeError('clusterOf must be 1 or more');
  const endpoints = members.map((member) => member.endpoint);
  const all = async (act: (member: Member) => Promise<void>) => {
    await Promise.all(members.map(act));
  };
  return {
    ...targetOf(plan, first.endpoint),
    endpoints,
    addresses: endpoints.map((endpoint) => new URL(endpoint).host),
    version: plan.programs.version,
    members,
    dir: plan.dir,
    certificates: plan.certificates,
    etcdctl: plan.programs.etcdctl,
    get pid() {
      return first.pid;
    },
    leader: (token) => findLeader(plan, members, token),
    stop: () => all((member) => member.stop()),
    start: () => all((member) => member.start()),
    kill: () => all((member) => member.kill()),
    pause() {
      for (const member of members) member.pause();
    },
    resume() {
      for (const member of members) member.resume();
    },
    async [Symbol.asyncDispose]() {
      await all((member) => (options.dir === undefined ? member.kill() : member.stop()));
      if (options.dir === undefined) await rm(plan.dir, { recursive: true, force: true });
    },
  };
}

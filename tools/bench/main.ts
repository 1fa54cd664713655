/**
 * `npm run bench`: how fast Watcher is, beside how fast its source and its sink are alone, on the same servers in the
 * same run. The exit code says whether the data agree, not how fast it was.
 */

import { writeFile } from 'node:fs/promises';
import { arch, availableParallelism, cpus, release, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import type { EtcdVersion } from '../testenv/etcd-programs.ts';
import { type PostgresMajor, postgresMajors } from '../testenv/postgres-programs.ts';
import { type CaseName, casesOf, type Round, runCase } from './cases.ts';
import { type SourceName, sourceNames } from './database.ts';
import { loadPerCpu } from './figures.ts';
import { type Lab, openLab } from './lab.ts';
import { report } from './report.ts';

const etcdVersions: readonly EtcdVersion[] = ['3.4', '3.5'];
const newest = postgresMajors.at(-1) ?? 18;
/** Above this, something else runs on the machine, and the figures say little. */
const quietLoadPerCpu = 0.3;

const casesUsage = sourceNames
  .map((name) => `                    ${name}: ${casesOf(name).join(',')}`)
  .join('\n');

const usage = `Usage: npm run bench -- [options]

Measures the source alone, the sink alone and Watcher between them, on servers of its own, and prints rows a second, CPU for
each row, peak memory, latency and the ratios. A million rows need about 10 GB of disk, 4 GB of memory and 8 minutes a round.

  --rows <n>        rows in each case, a multiple of 1000 (default 1000000)
  --source <name>   ${sourceNames.join(', ')} (default postgres)
  --cases <list>    (default: all)
${casesUsage}
  --runs <n>        rounds of all cases in turn; medians are shown (default 1)
  --pg <major>      PostgreSQL ${postgresMajors.join(', ')} (default ${newest})
  --etcd <version>  etcd ${etcdVersions.join(' or ')} (default: the one on the PATH, or that of this Debian release)
  --no-fsync        etcd does not wait for its disk (from 3.5 on)
  --seconds <n>     how long the latency, and the idle CPU, is measured (default 30)
  --syncs <n>       syncs in the case idle (default 200)
  --node-args <a>   arguments for the node that runs Watcher, for example --cpu-prof
  --json <file>     every round, as JSON
  --help            this text`;

interface Choice {
  readonly source: SourceName;
  readonly rows: number;
  readonly cases: readonly CaseName[];
  readonly runs: number;
  readonly major: PostgresMajor;
  readonly etcd: EtcdVersion | undefined;
  readonly fsync: boolean;
  readonly seconds: number;
  readonly syncs: number;
  readonly nodeArgs: readonly string[];
  readonly json: string | undefined;
}

const options = {
  rows: { type: 'string', default: '1000000' },
  source: { type: 'string', default: 'postgres' },
  cases: { type: 'string' },
  runs: { type: 'string', default: '1' },
  pg: { type: 'string', default: String(newest) },
  etcd: { type: 'string' },
  'no-fsync': { type: 'boolean', default: false },
  seconds: { type: 'string', default: '30' },
  syncs: { type: 'string', default: '200' },
  'node-args': { type: 'string', default: '' },
  json: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

function pick<T>(values: readonly T[], text: string, option: string): T {
  const found = values.find((value) => String(value) === text);
  if (found === undefined) throw new TypeError(`${option} takes one of ${values.join(', ')}`);
  return found;
}

function count(text: string, option: string, multipleOf = 1): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0 && value % multipleOf === 0) return value;
  throw new TypeError(`${option} takes a whole number above 0, a multiple of ${multipleOf}`);
}

/** @throws TypeError for wrong usage. */
function readChoice(): Choice | undefined {
  const { values } = parseArgs({ options });
  if (values.help) return undefined;
  const source = pick(sourceNames, values.source, '--source');
  const cases = casesOf(source);
  return {
    source,
    rows: count(values.rows, '--rows', 1000),
    cases: values.cases?.split(',').map((name) => pick(cases, name, '--cases')) ?? cases,
    runs: count(values.runs, '--runs'),
    major: pick(postgresMajors, values.pg, '--pg'),
    etcd: values.etcd === undefined ? undefined : pick(etcdVersions, values.etcd, '--etcd'),
    fsync: !values['no-fsync'],
    seconds: count(values.seconds, '--seconds'),
    syncs: count(values.syncs, '--syncs'),
    nodeArgs: values['node-args'].split(' ').filter((arg) => arg !== ''),
    json: values.json,
  };
}

function describeMachine(): string {
  const gigabytes = (totalmem() / 2 ** 30).toFixed(0);
  const model = cpus()[0]?.model ?? arch();
  return `${availableParallelism()} CPUs (${model}), ${gigabytes} GiB, Linux ${release()}, Node ${process.version}`;
}

async function describeServers(lab: Lab): Promise<string> {
  await using etcd = await lab.etcd();
  return `${lab.source.title}, etcd ${etcd.server.version}; the log alone is drained by ${lab.source.plain}`;
}

async function run(choice: Choice): Promise<boolean> {
  const { rows, cases, runs, json, nodeArgs, seconds, syncs } = choice;
  const load = loadPerCpu();
  console.log(`Starting ${choice.source}; the first time, the servers are downloaded …`);
  await using lab = await openLab(choice);
  console.log(`${describeMachine()}\n${await describeServers(lab)}\n${rows} rows in each case\n`);
  const rounds: Round[] = [];
  for (let index = 1; index <= runs; index += 1) {
    for (const name of cases) {
      const progress = (text: string) => console.log(`  round ${index}, case ${name}: ${text}`);
      const options = { rows, latencySeconds: seconds, syncs, nodeArgs, progress };
      const round = await runCase(lab, name, options);
      rounds.push(round);
      if (json !== undefined) await writeFile(json, JSON.stringify(rounds, null, 2));
    }
  }
  console.log(`\n${report(rounds, choice.source).join('\n')}`);
  if (load > quietLoadPerCpu) console.log('\nDisturbed: the machine was busy before this run.');
  const wrong = rounds.filter(({ difference }) => difference !== null);
  for (const { case: name, difference } of wrong) console.error(`${name}: ${difference}`);
  console.log(wrong.length === 0 ? '\netcd and the table agreed after every case.' : '');
  return wrong.length === 0;
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.on(signal, () => process.exit(code));
}
try {
  const choice = readChoice();
  if (choice === undefined) console.log(usage);
  else process.exitCode = (await run(choice)) ? 0 : 1;
} catch (error) {
  const wrongUsage = error instanceof TypeError;
  console.error(wrongUsage ? `${error.message}\n\n${usage}` : error);
  process.exitCode = wrongUsage ? 2 : 1;
}

/**
 * Random transactions, catalog events, dumps and crashes, against a model. A failing seed can be run alone:
 * `WATCHER_SEED=123 npx vitest run --project unit test/unit/replication/model.test.ts`.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { WatcherError } from '../../../src/errors.ts';
import { Attempt } from '../../support/attempt.ts';
import { MemoryStore } from '../../support/memory-sink.ts';
import { Random } from '../../support/random.ts';
import { RandomWorkload } from '../../support/random-workload.ts';
import { ReplicationModel } from '../../support/replication-model.ts';
import { ScriptedSource } from '../../support/scripted-source.ts';

const runs = Number(process.env.WATCHER_RUNS ?? 60);
const steps = 80;
const givenSeed = process.env.WATCHER_SEED;
const firstSeed = givenSeed === undefined ? Date.now() % 1_000_000 : Number(givenSeed);

class Run {
  readonly random: Random;
  readonly source = new ScriptedSource();
  readonly store: MemoryStore;
  readonly model: ReplicationModel;
  readonly workload: RandomWorkload;
  readonly maxHeldBytes: number;
  readonly faults: string[] = [];
  attempt: Attempt | null = null;
  calm = false;

  constructor(seed: number) {
    this.random = new Random(seed);
    const limits = {
      maxOps: this.random.pick([4, 9, 40]),
      maxBytes: this.random.pick([900, 9_000]),
    };
    this.store = new MemoryStore({ limits, fault: () => this.#fault() });
    this.source.partChanges = this.random.pick([2, 5, 50]);
    this.maxHeldBytes = this.random.pick([1_500, 100_000]);
    this.workload = new RandomWorkload(this.source, this.random);
    this.model = new ReplicationModel(this.source);
    this.workload.onCommit = (transaction) => this.model.record(transaction);
    this.source.beforeChunk = () => this.#pause(6);
    this.source.afterSnapshot = () => this.#pause(12);
    this.source.onAcknowledge = (lsn) => {
      const position = this.store.checkpoint?.position ?? null;
      const durable = position !== null && 'lsn' in position ? position.lsn : '';
      const [high = '0', low = '0'] = durable.split('/');
      if (lsn > (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`)) {
        this.faults.push(`acknowledged ${lsn} before ${durable} was durable`);
      }
    };
  }

  #fault(): ReturnType<MemoryStore['fault']> {
    if (this.calm) return null;
    if (this.random.chance(0.02)) return this.random.pick(['reject', 'lost_response'] as const);
    return this.random.chance(0.1) ? this.#pause(20) : null;
  }

  async #pause(most: number): Promise<void> {
    for (let left = this.random.below(most); left > 0; left -= 1) await turn();
  }

  async step(): Promise<void> {
    const { random, source } = this;
    if (this.attempt === null || this.attempt.error !== undefined) {
      // At once, or never while it runs: what a heartbeat leaves out must not be missing.
      const heartbeatMs = random.pick([0, 60_000]);
      const { maxHeldBytes } = this;
      this.attempt = new Attempt(source, this.store, { maxHeldBytes, heartbeatMs });
    }
    const dice = random.next();
    if (dice < 0.6) this.workload.commit();
    else if (dice < 0.68) source.heartbeat();
    else if (dice < 0.76) this.workload.change();
    else if (dice < 0.82) this.attempt.control?.redump(random.chance(0.3) ? null : ['public.a']);
    else if (dice < 0.84) source.breakStream();
    else if (dice < 0.85) {
      source.gap = new WatcherError('slot_missing');
      source.breakStream();
    } else if (dice < 0.88) await this.attempt.stop();
    await this.#pause(25);
  }

  async finish(): Promise<void> {
    this.calm = true;
    await this.attempt?.stop();
    this.attempt = null;
    this.workload.reportAll();
    this.source.heartbeat();
    for (let left = 20; left > 0; left -= 1) {
      if (this.attempt === null || this.attempt.error !== undefined) {
        this.attempt = new Attempt(this.source, this.store);
      }
      try {
        await this.attempt.caughtUp();
        await this.attempt.settled();
        break;
      } catch (error) {
        if (this.attempt.error === undefined || left === 1) throw error;
      }
    }
    await this.attempt?.stop();
  }
}

test.for(
  Array.from({ length: givenSeed === undefined ? runs : 1 }, (_, index) => firstSeed + index),
)(
  'nothing is lost, repeated or set back, and no revision is in between (seed %d)',
  { timeout: 30_000 },
  async (seed) => {
    const run = new Run(seed);
    for (let step = 0; step < steps; step += 1) await run.step();
    await run.finish();
    expect([...run.faults, ...run.model.faults(run.store)]).toEqual([]);
    expect(run.store.values()).toEqual(run.model.expected());
    expect(run.source.acknowledged.length).toBeGreaterThan(0);
  },
);

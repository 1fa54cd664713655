import type {
  PipelineEvents,
  PipelineOptions,
  StreamControl,
} from '../../src/replication/attempt.ts';
import { DumpProgress } from '../../src/replication/dump-progress.ts';
import { compileTemplate, syncPrefix } from '../../src/replication/key-template.ts';
import { runPipeline } from '../../src/replication/pipeline.ts';
import type { DurableBatch } from '../../src/replication/writer.ts';
import type { MemoryStore } from './memory-sink.ts';
import { createScriptedDriver } from './scripted-driver.ts';
import type { ScriptedSource } from './scripted-source.ts';
import { until } from './until.ts';

const scope = { sync: 's', database: 'd' };
const template = '/{sync}/{table}/{key}';

export const pipelineDefaults = {
  positionKind: 'postgres',
  mapping: {
    include: ['*'],
    exclude: [],
    columns_exclude: [],
    key_columns: {},
    template,
    numbers: 'number',
  },
  prefixOf: compileTemplate(template, scope),
  syncPrefix: syncPrefix(template, scope),
  isShared: () => false,
  othersPrefixes: async () => [],
  adopt: false,
  mayDump: true,
  heartbeatMs: 0,
  maxHeldBytes: 1_000_000,
  now: () => new Date(),
  monotonicMs: () => performance.now(),
} satisfies Partial<PipelineOptions>;

/** One attempt of the pipeline, over a scripted source and a memory store. */
export class Attempt {
  readonly source: ScriptedSource;
  readonly store: MemoryStore;
  readonly happened: string[] = [];
  readonly durable: DurableBatch[] = [];
  readonly progress = new DumpProgress(() => new Date());
  control: StreamControl | null = null;
  /** Called for each message of the stream. */
  onReceived: () => void = () => undefined;
  /** Set when the attempt is over. */
  error: unknown;
  readonly ended: Promise<void>;
  readonly #stop = new AbortController();

  constructor(source: ScriptedSource, store: MemoryStore, options: Partial<PipelineOptions> = {}) {
    this.source = source;
    this.store = store;
    const driver = createScriptedDriver(source);
    const running = runPipeline({
      ...pipelineDefaults,
      driver,
      sink: store.sink(),
      dumpAnew: false,
      progress: this.progress,
      events: this.#events(),
      signal: this.#stop.signal,
      ...options,
    });
    this.ended = running.then(
      () => undefined,
      async (error: unknown) => {
        this.error = error;
        await driver.close();
      },
    );
  }

  #events(): PipelineEvents {
    const note = (what: string): void => {
      this.happened.push(what);
    };
    return {
      prepared: () => note('prepared'),
      warnings: (warnings) => note(`warnings ${warnings.length}`),
      loaded: () => note('loaded'),
      dumping: (cause) => note(`dumping ${cause?.code ?? 'first'}`),
      streaming: (control) => {
        this.control = control;
        note('streaming');
      },
      received: () => this.onReceived(),
      durable: (batch) => this.durable.push(batch),
      dumpedRows: () => undefined,
      dumped: () => note('dumped'),
    };
  }

  /** Waits for a condition; fails when the attempt ends before. */
  until<T>(what: string, condition: () => T): Promise<unknown> {
    const failure = this.ended.then(() => {
      throw new Error(`the attempt ended: ${String(this.error)}`, { cause: this.error });
    });
    failure.catch(() => undefined);
    return until(condition, { what, failure });
  }

  /** Everything that was committed is in the store, or waits in held changes of a dump. */
  caughtUp(): Promise<unknown> {
    const { source, store } = this;
    const end = source.lsn;
    return this.until('the checkpoint is at the end of the log', () => {
      const position = store.checkpoint?.position;
      if (position == null || !('lsn' in position) || store.checkpoint?.phase !== 'stream')
        return false;
      const [high = '', low = ''] = position.lsn.split('/');
      return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`) >= end;
    });
  }

  /** No table is (to be) dumped. */
  settled(): Promise<unknown> {
    return this.until('every table is in step', () =>
      Object.values(this.store.tables).every(({ state }) => state === 'done'),
    );
  }

  async stop(reason: unknown = new Error('the test stops it')): Promise<void> {
    this.#stop.abort(reason);
    await this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

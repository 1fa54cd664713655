/** What is staged goes with the position that passes it, and goes away with what became of it. */
import { expect, test } from 'vitest';
import type { Change, StreamMessage, TransactionPart } from '../../../src/replication/change.ts';
import type { Driver, ResumePoint, StagedLog } from '../../../src/replication/driver.ts';
import { Attempt } from '../../support/attempt.ts';
import { MemoryStore, memoryStagedPrefix } from '../../support/memory-sink.ts';
import { batchesOf } from '../../support/messages.ts';
import { createScriptedDriver } from '../../support/scripted-driver.ts';
import { ScriptedSource } from '../../support/scripted-source.ts';
import { until } from '../../support/until.ts';

const pieces = ['first', 'second', 'third'].map((data, index) => ({
  index,
  data: data.repeat(10),
  messagesBefore: index,
}));

function shop(): ScriptedSource {
  const source = new ScriptedSource();
  source.create({ id: 'a', columns: ['id', 'v'] }, [['1', '10']]);
  return source;
}

function part(lsn: bigint, rest: Partial<TransactionPart>): TransactionPart {
  return {
    type: 'transaction',
    xid: String(lsn),
    commit: { kind: 'postgres', lsn },
    position: { kind: 'postgres', lsn: lsn + 1n },
    committedAt: new Date(0),
    first: true,
    last: true,
    changes: [],
    messages: 0,
    ...rest,
  };
}

interface Streamed {
  readonly from: ResumePoint;
  readonly staged: StagedLog;
}

/** An attempt whose stream is written by the test. */
function attemptWith(
  store: MemoryStore,
  source: ScriptedSource,
  messages: (stream: Streamed) => AsyncGenerator<StreamMessage>,
): Attempt {
  const driver: Driver = createScriptedDriver(source);
  driver.stream = async function* stream(from, signal, staged) {
    yield* batchesOf(messages({ from, staged }));
    await until(() => signal.aborted, { what: 'the attempt ends', timeoutMs: 60_000 });
    signal.throwIfAborted();
  };
  return new Attempt(source, store, { driver });
}

async function readAll(staged: StagedLog, id: string): Promise<string[]> {
  const found: string[] = [];
  for await (const piece of staged.read(id)) found.push(piece);
  return found;
}

async function* nothing(): AsyncGenerator<StreamMessage> {
  yield* [];
}

const stagePart = (lsn: bigint) =>
  part(lsn, { messages: 3, staging: { op: 'put', id: "X'61',X'',1", pieces } });

function positionOf(store: MemoryStore): unknown {
  return store.checkpoint?.position;
}

test('staged pieces are durable with the position behind them, are read back in order, and go with the release', async () => {
  const store = new MemoryStore();
  const source = shop();
  const start = source.lsn + 100n;
  let found: string[] = [];
  let relation: Change['relation'] | null = null;
  await using attempt = attemptWith(store, source, async function* messages({ staged }) {
    yield stagePart(start);
    found = await readAll(staged, "X'61',X'',1");
    expect(await readAll(staged, "X'62',X'',1")).toEqual([]);
    relation = source.sourceTables()[0]?.relation ?? null;
    if (relation === null) throw new Error('no table');
    const row = ['2', '20'];
    const changes: Change[] = [{ op: 'insert', relation, row, messagesBefore: 0 }];
    const release = { op: 'release', id: "X'61',X'',1" } as const;
    yield part(start + 10n, { changes, messages: 1, staging: release });
  });
  await attempt.until('the row is there', () => store.keys('/s/a/').length === 2);
  expect(found).toEqual(pieces.map(({ data }) => data));
  expect(store.keys(memoryStagedPrefix)).toEqual([]);
  const staging = store.history.find(({ changed }) =>
    [...changed.values()].includes(found[0] ?? ''),
  );
  expect(staging?.batch.checkpoint).toMatchObject({
    partial: null,
    position: { lsn: `0/${(start + 1n).toString(16).toUpperCase()}` },
  });
  const release = store.history.find(({ changed }) => changed.has('/s/a/2'));
  expect([...(release?.changed.values() ?? [])].filter((value) => value === null)).toHaveLength(3);
  expect(store.violations).toEqual([]);
});

test('a crash between: what was staged is there in the next attempt', async () => {
  const store = new MemoryStore();
  const source = shop();
  const start = source.lsn + 100n;
  {
    await using attempt = attemptWith(store, source, async function* messages() {
      yield stagePart(start);
    });
    await attempt.until('it is durable', () => store.keys(memoryStagedPrefix).length === 3);
  }
  let found: string[] | null = null;
  let from: unknown = null;
  await using attempt = attemptWith(store, source, async function* messages(stream) {
    from = stream.from.position;
    found = await readAll(stream.staged, "X'61',X'',1");
    yield* nothing();
  });
  await attempt.until('it was read', () => found !== null);
  expect(found).toEqual(pieces.map(({ data }) => data));
  expect(from).toEqual({ kind: 'postgres', lsn: start + 1n });
  expect(positionOf(store)).toEqual({ lsn: `0/${(start + 1n).toString(16).toUpperCase()}` });
});

test('pieces that do not fit one transaction are split, and resumed where they were', async () => {
  const store = new MemoryStore({ limits: { maxOps: 2 } });
  const source = shop();
  const start = source.lsn + 100n;
  {
    await using attempt = attemptWith(store, source, async function* messages() {
      store.fault = ({ checkpoint }) => (checkpoint.partial === null ? 'reject' : null);
      yield stagePart(start);
    });
    await attempt.ended;
  }
  expect(store.checkpoint?.partial).toMatchObject({ changes: 2 });
  expect(store.keys(memoryStagedPrefix)).toHaveLength(2);
  store.fault = () => null;
  await using attempt = attemptWith(store, source, async function* messages({ from }) {
    expect(from.partial?.messages).toBe(2);
    const rest = pieces.slice(2);
    yield part(start, {
      first: false,
      messages: 3,
      staging: { op: 'put', id: "X'61',X'',1", pieces: rest },
    });
  });
  await attempt.until('all is there', () => store.keys(memoryStagedPrefix).length === 3);
  expect(store.checkpoint?.partial).toBeNull();
});

test('a dump anew forgets what was staged: it belongs to a place in the log that was given up', async () => {
  const store = new MemoryStore();
  store.putForeign(`${memoryStagedPrefix}x/0`, 'old');
  await using attempt = attemptWith(store, shop(), nothing);
  await attempt.until('streaming', () => attempt.happened.includes('streaming'));
  expect(store.keys(memoryStagedPrefix)).toEqual([]);
});

/**
 * Content of prepared transactions, kept beside the rows (`StagingStep`): it is written in the etcd transaction whose
 * position passes it, and deleted in the one that holds what became of it. So whichever position a restart resumes
 * from, what was prepared before it and is not decided is there.
 */
import type { StagingStep } from './change.ts';
import type { StagedLog } from './driver.ts';
import { escapeKeyPart } from './key-template.ts';
import type { Sink } from './sink.ts';
import type { TransactionOps } from './transaction-ops.ts';
import type { Writer } from './writer.ts';

const indexDigits = 10;

/** @param messages of the transaction up to the end of the part */
export function stage(
  ops: TransactionOps,
  step: StagingStep,
  messages: number,
  stagedPrefix: string,
): void {
  const prefix = prefixOf(step.id, stagedPrefix);
  if (step.op === 'release') {
    ops.release(prefix, messages);
    return;
  }
  for (const { index, data, messagesBefore } of step.pieces) {
    const key = `${prefix}${String(index).padStart(indexDigits, '0')}`;
    ops.add([{ kind: 'put', key, value: data, prefix }], messagesBefore);
  }
}

export function stagedLog(
  sink: Pick<Sink, 'list' | 'stagedPrefix'>,
  writer: Pick<Writer, 'flushed'>,
  signal: AbortSignal,
): StagedLog {
  return {
    async *read(id) {
      // What was staged a moment ago may still wait to be written.
      await writer.flushed();
      for await (const page of sink.list(prefixOf(id, sink.stagedPrefix), signal)) {
        for (const { value } of page) yield value;
      }
    },
  };
}

function prefixOf(id: string, stagedPrefix: string): string {
  return `${stagedPrefix}${escapeKeyPart(id)}/`;
}

/** A driver's stream, message by message. */
import type { StreamBatch, StreamMessage } from '../../src/replication/change.ts';

export async function* messagesOf(
  stream: AsyncIterable<StreamBatch>,
): AsyncGenerator<StreamMessage> {
  for await (const batch of stream) yield* batch;
}

/** A stream whose messages come one by one, as the test writes them. */
export async function* batchesOf(
  messages: AsyncIterable<StreamMessage>,
): AsyncGenerator<StreamBatch> {
  for await (const message of messages) yield [message];
}

/** Text → server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation */

export interface ServerSentEvent {
  readonly event: string;
  readonly data: string;
}

/** @param chunks Text in pieces of any size; a last event without its empty line is dropped, as the page says. */
export async function* serverSentEvents(
  chunks: AsyncIterable<string>,
): AsyncGenerator<ServerSentEvent> {
  let event = 'message';
  let data: string[] = [];
  for await (const line of linesOf(chunks)) {
    if (line === '') {
      if (data.length > 0) yield { event, data: data.join('\n') };
      event = 'message';
      data = [];
      continue;
    }
    // A comment has an empty field name.
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (field === 'event') event = value;
    if (field === 'data') data.push(value);
  }
}

async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of chunks) {
    // A \r at the end may be the first half of \r\n.
    const lines = (rest + chunk).split(/\r\n|\n|\r(?=[\s\S])/);
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

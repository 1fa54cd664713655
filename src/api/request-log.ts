/** One line for each request, when it is done; probes at debug, or they would be most of the log (SPEC §3). */
import { type FastifyReply, type FastifyRequest, LogController } from 'fastify';
import { callerOf } from './auth.ts';
import { pathOf } from './route-table.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Asked every few seconds by a machine. */
    probe?: boolean;
  }
}

export class RequestLog extends LogController {
  override incomingRequest(): void {
    // Said at the end, with the outcome.
  }

  override requestCompleted(
    error: Error | null | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
  ): void {
    const level = request.routeOptions.config.probe === true ? 'debug' : 'info';
    const caller = callerOf(request);
    const line = {
      method: request.method,
      // Without the query: it can hold what people paste.
      path: pathOf(request.url),
      status: reply.statusCode,
      durationMs: Math.round(reply.elapsedTime * 10) / 10,
      // The name of the token, never the token.
      ...(caller === undefined ? {} : { caller }),
      ...(error ? { err: error } : {}),
    };
    request.log[level](line, 'request');
  }
}

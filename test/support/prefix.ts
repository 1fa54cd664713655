/** A part of the shared etcd for one test alone. */

import { randomBytes } from 'node:crypto';
import type { EtcdTarget } from '../../tools/testenv/etcd-http.ts';
import { type EtcdGateway, etcdGateway } from './etcd-gateway.ts';

export interface TestPrefix extends AsyncDisposable {
  /** For rows, with a `/` at both ends: `/t-1a2b3c/`. */
  readonly rows: string;
  /** For `etcd.state_prefix`, without a `/` at the end. */
  readonly state: string;
  readonly gateway: EtcdGateway;
}

/** Chooses prefixes that nothing uses. Disposal deletes what is under them. */
export function createPrefix(target: EtcdTarget): TestPrefix {
  const name = randomBytes(6).toString('hex');
  const rows = `/t-${name}/`;
  const state = `/watcher-${name}`;
  const gateway = etcdGateway(target);
  return {
    rows,
    state,
    gateway,
    async [Symbol.asyncDispose]() {
      await gateway.deletePrefix(rows);
      await gateway.deletePrefix(`${state}/`);
    },
  };
}

/** The counters of a sync, and its places in the log in full. */
import { bytes, count } from './format.ts';
import { copyOf, part, setChildren, setText } from './parts.ts';
import { type Counters, fullPosition, type Sync } from './sync.ts';

const names: Readonly<Record<keyof Counters, string>> = {
  transactions: 'Transactions',
  inserts: 'Inserts',
  updates: 'Updates',
  deletes: 'Deletes',
  truncates: 'Truncates',
  puts: 'Keys put',
  etcd_txns: 'etcd transactions',
  bytes: 'Sent to etcd',
};

export function showDetails(root: ParentNode, sync: Sync): void {
  const { counters } = sync;
  const rows = (Object.keys(names) as (keyof Counters)[]).map((name) => ({
    name: names[name],
    value: name === 'bytes' ? bytes(counters.bytes) : count(counters[name]),
  }));
  const list = part(root, 'counters', HTMLElement);
  setChildren(
    list,
    rows,
    () => copyOf('counter-template', HTMLDivElement),
    (row, { name, value }) => {
      setText(part(row, 'counter-name', HTMLElement), name);
      setText(part(row, 'counter-value', HTMLElement), value);
    },
  );
  setText(part(root, 'position-full', HTMLElement), fullPosition(sync.position));
  setText(part(root, 'source-position-full', HTMLElement), fullPosition(sync.source_position));
}

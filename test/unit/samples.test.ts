/** The samples for Prometheus and Grafana: their queries parse, and name metrics and labels that there are. */
import { readFileSync } from 'node:fs';
import { parser } from '@prometheus-io/lezer-promql';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { createMetrics } from '../../src/api/metrics.ts';
import { syncStates } from '../../src/replication/lifecycle.ts';
import { StubControl } from './api/stub-control.ts';

const read = (name: string) =>
  readFileSync(new URL(`../../sample/${name}`, import.meta.url), 'utf8');

/** Of the target, added by Prometheus. */
const targetLabels = ['instance', 'job'];

const registry = createMetrics({
  control: new StubControl(),
  configuration: { lastReloadOk: () => true },
  version: '',
  node: '',
});

/** Labels by the name of the series. */
const known = new Map<string, ReadonlySet<string>>(
  registry.getMetricsAsArray().flatMap((metric): [string, Set<string>][] => {
    const { name, type, labelNames = [] } = metric as typeof metric & { labelNames?: string[] };
    const labels = [...labelNames, ...targetLabels];
    if (String(type) !== 'histogram') return [[name, new Set(labels)]];
    const parts = ['sum', 'count'].map((part) => `${name}_${part}`);
    return [
      [`${name}_bucket`, new Set([...labels, 'le'])],
      ...parts.map((part): [string, Set<string>] => [part, new Set(labels)]),
    ];
  }),
);

const values: Readonly<Record<string, readonly string[]>> = {
  state: syncStates,
  op: ['insert', 'update', 'delete', 'truncate', 'dump'],
};

interface Query {
  readonly metrics: ReadonlySet<string>;
  /** In matchers and in `by`, `without`, `on` and `ignoring`. */
  readonly labels: ReadonlySet<string>;
  /** Label and value of each matcher. */
  readonly matchers: readonly (readonly [label: string, value: string])[];
}

function parseQuery(text: string): Query {
  const query = {
    metrics: new Set<string>(),
    labels: new Set<string>(),
    matchers: [] as [string, string][],
  };
  parser.parse(text).iterate({
    enter({ type, node, from, to }) {
      const part = text.slice(from, to);
      if (type.isError) throw new Error(`not PromQL at ${from}: ${text}`);
      if (node.name === 'Identifier' && node.parent?.name === 'VectorSelector')
        query.metrics.add(part);
      if (node.name === 'LabelName') query.labels.add(part);
      const match = /^(\w+)\s*=~?\s*"(.*)"$/.exec(part);
      if (node.name === 'UnquotedLabelMatcher' && match !== null)
        query.matchers.push([match[1] ?? '', match[2] ?? '']);
    },
  });
  return query;
}

function expectKnown(text: string): Query {
  const query = parseQuery(text);
  expect(query.metrics.size, text).toBeGreaterThan(0);
  const labels = new Set([...query.metrics].flatMap((metric) => [...(known.get(metric) ?? [])]));
  expect(
    [...query.metrics].filter((metric) => !known.has(metric)),
    text,
  ).toEqual([]);
  expect(
    [...query.labels].filter((label) => !labels.has(label)),
    text,
  ).toEqual([]);
  for (const [label, value] of query.matchers) {
    const allowed = values[label];
    if (allowed === undefined) continue;
    expect(
      value.split('|').filter((word) => !allowed.includes(word)),
      text,
    ).toEqual([]);
  }
  return query;
}

/** The labels that a text is filled in with must be of the query. */
function expectFilled(text: string, pattern: RegExp, { metrics }: Query): void {
  const labels = new Set([...metrics].flatMap((metric) => [...(known.get(metric) ?? [])]));
  const used = [...text.matchAll(pattern)].map(([, label]) => String(label));
  expect(
    used.filter((label) => !labels.has(label)),
    text,
  ).toEqual([]);
}

test.each(['sum by (sync (x)', 'rate(watcher_rows_total[5m', 'a{b=}', ''])(
  'the parser sees that %j is no query',
  (text) => {
    expect(() => expectKnown(text)).toThrow();
  },
);

test.each([
  'watcher_lag',
  'watcher_lag_seconds{table="t"}',
  'sum by (code) (watcher_lag_seconds)',
  'watcher_sync_state{state="sleeping"}',
  'watcher_sync_state{state=~"failed|sleeping"}',
  'watcher_etcd_txn_seconds',
])('%s names something that is not there', (text) => {
  expect(() => expectKnown(text)).toThrow();
});

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<string, string>>;
}

const { groups } = parse(read('alerts.yml')) as {
  groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
};
const rules = groups.flatMap((group) => group.rules);

test('there is an alert for everything that a person must see', () => {
  const names = rules.map(({ alert }) => alert);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toEqual(
    expect.arrayContaining([
      'WatcherLag',
      'WatcherSyncStalled',
      'WatcherSyncFailed',
      'WatcherLogRetained',
      'WatcherDumpStuck',
    ]),
  );
});

test.each(rules.map((rule) => [rule.alert, rule] as const))('%s', (_, rule) => {
  const query = expectKnown(rule.expr);
  expect(rule.labels.severity).toMatch(/^(?:warning|critical)$/);
  expect(rule.for ?? '1m').toMatch(/^\d+[smh]$/);
  expect(Object.keys(rule.annotations)).toEqual(['summary', 'description', 'runbook']);
  for (const text of Object.values(rule.annotations)) {
    expect(text).toMatch(/\w/);
    expectFilled(text, /\$labels\.(\w+)/g, query);
  }
});

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>;
  readonly targets?: readonly {
    readonly expr: string;
    readonly legendFormat: string;
    readonly datasource: { readonly uid: string };
  }[];
}

const dashboard = JSON.parse(read('grafana-dashboard.json')) as {
  readonly id: null;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { name: string; type: string; query: unknown }[] };
};

/** Grafana fills these in before Prometheus sees the query. */
const filledIn = (expr: string) =>
  expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$(?:sync|instance)\b/g, '.*');

test.each(
  dashboard.panels.flatMap((panel) => (panel.targets ? [[panel.title, panel] as const] : [])),
)('the panel %s', (_, { targets = [], datasource }) => {
  expect(datasource?.uid).toBe('$datasource');
  for (const target of targets) {
    expect(target.datasource.uid).toBe('$datasource');
    const query = expectKnown(filledIn(target.expr));
    expectFilled(target.legendFormat, /\{\{(\w+)\}\}/g, query);
  }
});

test('the dashboard can be imported: no id of another Grafana, a choice of the data source, no overlap', () => {
  expect(dashboard.id).toBeNull();
  const { list } = dashboard.templating;
  expect(list.map(({ name, type }) => [name, type])).toEqual([
    ['datasource', 'datasource'],
    ['sync', 'query'],
    ['instance', 'query'],
  ]);
  for (const { query } of list.slice(1)) {
    const text = (query as { query: string }).query;
    const [, metric = '', label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(text) ?? [];
    expect(known.get(metric)?.has(label), text).toBe(true);
  }
  const ids = dashboard.panels.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, at) => `${x + (at % w)}:${y + Math.floor(at / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
  expect(dashboard.panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true);
});

test('every metric of a sync has a place in the dashboard', () => {
  const shown = new Set(
    dashboard.panels.flatMap(({ targets = [] }) =>
      targets.flatMap(({ expr }) => [...parseQuery(filledIn(expr)).metrics]),
    ),
  );
  const own = [...known.keys()].filter((name) => name.startsWith('watcher_'));
  expect(own.filter((name) => !shown.has(name) && !/_seconds_(?:sum|count)$/.test(name))).toEqual(
    [],
  );
});

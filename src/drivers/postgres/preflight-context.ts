/** What the checks before a sync look at. */
import type { CatalogSnapshot } from './catalog.ts';
import type { SourceConnection } from './connection.ts';
import type { PostgresDriverOptions } from './options.ts';
import type { ServerFacts } from './server-facts.ts';

export interface PreflightContext {
  readonly facts: ServerFacts;
  readonly connection: SourceConnection;
  readonly options: PostgresDriverOptions;
  readonly snapshot: CatalogSnapshot;
}

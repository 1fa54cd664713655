/** The shop of the demo: a small schema, its first rows, and a writer that goes on changing them. */

import pg from 'pg';

export const schema = `
CREATE TYPE order_state AS ENUM ('new', 'paid', 'sent');
CREATE TABLE customers (
  id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  name text NOT NULL,
  email text UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE products (
  sku text PRIMARY KEY,
  title text NOT NULL,
  price numeric(10,2) NOT NULL,
  tags text[] NOT NULL DEFAULT '{}',
  details jsonb
);
CREATE TABLE orders (
  id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  customer_id int NOT NULL REFERENCES customers,
  state order_state NOT NULL DEFAULT 'new',
  placed_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE order_lines (
  order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
  line int NOT NULL,
  sku text NOT NULL REFERENCES products ON UPDATE CASCADE,
  quantity int NOT NULL,
  PRIMARY KEY (order_id, line)
);
INSERT INTO customers (name, email)
  SELECT 'Customer ' || n, 'customer' || n || '@example.com' FROM generate_series(1, 500) n;
INSERT INTO products
  SELECT 'sku-' || n, 'Product ' || n, n * 1.25, ARRAY['tag' || n % 7], jsonb_build_object('weight', n)
  FROM generate_series(1, 200) n;
INSERT INTO orders (customer_id) SELECT 1 + n % 500 FROM generate_series(1, 1000) n;
INSERT INTO order_lines
  SELECT o, l, 'sku-' || (1 + (o * l) % 200), l FROM generate_series(1, 1000) o, generate_series(1, 2) l;
ANALYZE;
`;

/** Each is one transaction. */
const transactions = [
  `WITH placed AS (INSERT INTO orders (customer_id) VALUES (1 + floor(random() * 500)) RETURNING id)
   INSERT INTO order_lines
     SELECT id, line, 'sku-' || (1 + floor(random() * 200)), 1 + floor(random() * 5)
     FROM placed, generate_series(1, 3) line`,
  `UPDATE orders SET state = 'paid' WHERE id = (SELECT id FROM orders WHERE state = 'new' LIMIT 1)`,
  `UPDATE orders SET state = 'sent' WHERE id = (SELECT id FROM orders WHERE state = 'paid' LIMIT 1)`,
  `UPDATE products SET price = price + 0.05 WHERE sku = 'sku-' || (1 + floor(random() * 200))`,
  `DELETE FROM orders WHERE id = (SELECT id FROM orders WHERE state = 'sent' LIMIT 1)`,
  `UPDATE customers SET email = 'c' || id || '@example.org' WHERE id = 1 + floor(random() * 500)`,
] as const;

const pauseMs = 100;

export interface ShopWriter {
  /** Transactions that were committed. */
  readonly committed: number;
  /** Resolves when the last transaction is committed. */
  stop(): Promise<void>;
}

export async function startShopWriter(url: string): Promise<ShopWriter> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  let committed = 0;
  let stopped = false;
  const write = async (): Promise<void> => {
    while (!stopped) {
      const sql = transactions[Math.floor(Math.random() * transactions.length)] as string;
      await client.query(sql);
      committed += 1;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    await client.end();
  };
  const writing = write();
  // Met by whoever stops the writer.
  writing.catch(() => undefined);
  return {
    get committed() {
      return committed;
    },
    async stop() {
      stopped = true;
      await writing;
    },
  };
}

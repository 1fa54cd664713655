# Sourced by the entry point of the PostgreSQL image when its database is new: the role of Watcher, with what it needs and no
# more, and a table to begin with. The application's own role owns the tables elsewhere; here it is the superuser.

docker_process_sql --set=password="$(cat /run/secrets/db_password)" <<'SQL'
CREATE TABLE products (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  price numeric(10, 2) NOT NULL,
  tags text[] NOT NULL DEFAULT '{}',
  added timestamptz NOT NULL DEFAULT now()
);
INSERT INTO products (name, price, tags) VALUES
  ('pencil', 0.80, '{office}'), ('lamp', 39.90, '{office,home}'), ('kettle', 24.50, '{home}');

CREATE ROLE watcher LOGIN REPLICATION PASSWORD :'password';
GRANT SELECT ON ALL TABLES IN SCHEMA public TO watcher;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO watcher;

-- Only the owner of a table may add it to a publication. With this one Watcher needs no such right; it uses it as it is.
CREATE PUBLICATION watcherpub_inventory FOR ALL TABLES;
SQL

# Sourced by the entry point of the MySQL image when its database is new: the account of Watcher, with what it needs and no more,
# and a table to begin with. RELOAD: the lock of a moment that gives the dump its position. XA_RECOVER_ADMIN: to see transactions that are
# prepared and neither committed nor rolled back.

docker_process_sql --database=orders <<SQL
CREATE TABLE orders (
  id bigint unsigned AUTO_INCREMENT PRIMARY KEY,
  customer varchar(100) NOT NULL,
  total decimal(12, 2) NOT NULL,
  placed timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
);
INSERT INTO orders (customer, total) VALUES ('Ada', 41.50), ('Grace', 0.80);

CREATE USER 'watcher'@'%' IDENTIFIED BY '$(cat /run/secrets/db_password)';
GRANT REPLICATION SLAVE, REPLICATION CLIENT, RELOAD, XA_RECOVER_ADMIN ON *.* TO 'watcher'@'%';
GRANT SELECT ON orders.* TO 'watcher'@'%';
SQL

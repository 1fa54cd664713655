/** Many rows by one statement, on every server: MySQL 5.6 has no recursive query, and MySQL no sequences. */

const digit = `(SELECT 0 AS d${Array.from({ length: 9 }, (_, at) => ` UNION ALL SELECT ${at + 1}`).join('')})`;

/** What stands after FROM: a row `n` for each integer from `first` to `last`, in no order. */
export function series(first: number, last: number): string {
  const places = Array.from({ length: String(last - first).length }, (_, at) => at);
  const tables = places.map((at) => `${digit} AS d${at}`).join(' CROSS JOIN ');
  const sum = places.map((at) => `${10 ** at} * d${at}.d`).join(' + ');
  return `(SELECT ${first} + ${sum} AS n FROM ${tables} HAVING n <= ${last}) AS series`;
}

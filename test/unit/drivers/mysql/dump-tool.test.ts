import { expect, test } from 'vitest';
import { complaintsIn, optionFile } from '../../../../src/drivers/mysql/dump-tool.ts';

test('what is said in passing is no complaint', () => {
  const said = [
    '-- Connecting to 127.0.0.1...',
    "Warning: mariadb-dump: unknown variable 'loose-ssl-mode=DISABLED'",
    'mysqldump: [Warning] Using a password on the command line interface can be insecure.',
    "mysqldump: [Warning] unknown variable 'loose-x=1'.",
    '-- Retrieving table structure for table t...',
    '',
  ].join('\n');
  expect(complaintsIn(said)).toBe('');
});

test('what failed is told, although the tool ends with 0', () => {
  const error = "mysqldump: Error: 'Access denied' when trying to dump tablespaces";
  expect(complaintsIn(`-- Connecting\n${error}\n-- Disconnecting\n`)).toBe(error);
});

const target = {
  host: 'db.example',
  port: 3307,
  user: 'w',
  password: 'a"b\\c#d',
  applicationName: 'x',
  connectTimeoutMs: 1,
} as const;

test('the option file quotes what is special in it', () => {
  const file = optionFile({ ...target, tls: { mode: 'disable', ca: null } }, null);
  expect(file).toContain('password="a\\"b\\\\c#d"\n');
  expect(file).toContain('protocol=tcp\nhost="db.example"\nport=3307\n');
  expect(file).toContain('loose-ssl-mode=DISABLED');
});

test('TLS modes and certificates', () => {
  const file = optionFile({ ...target, tls: { mode: 'verify-full', ca: 'PEM' } }, '/x/ca.pem');
  expect(file).toContain('loose-ssl-mode=VERIFY_IDENTITY');
  expect(file).toContain('ssl-ca="/x/ca.pem"');
  expect(file).not.toContain('PEM\n');
  const socket = optionFile(
    { ...target, host: '/run/s.sock', tls: { mode: 'prefer', ca: null } },
    null,
  );
  expect(socket).toContain('protocol=socket\nsocket="/run/s.sock"');
});

import { expect, test } from 'vitest';
import { parseConnection } from '../../../src/config/connection.ts';

function parsed(text: string): unknown {
  const connection = parseConnection(text);
  return 'values' in connection ? Object.fromEntries(connection.values) : connection.problem;
}

test.each([
  ['', {}],
  ['host=h dbname=d', { host: 'h', name: 'd' }],
  ['  host = h\n\tport= 1  ', { host: 'h', port: '1' }],
  ["password='a b' user=u", { password: 'a b', user: 'u' }],
  [String.raw`password='it\'s \\ \x' user=u`, { password: String.raw`it's \ x`, user: 'u' }],
  [String.raw`password=a\ b\'c`, { password: "a b'c" }],
  ["password=a'b", { password: "a'b" }],
  ['password=a=b', { password: 'a=b' }],
  ["password='' user=u", { user: 'u' }],
  ['user=u user=v', { user: 'v' }],
  ['host=/var/run', { host: '/var/run' }],
  ['sslmode=require sslrootcert=system', { 'tls.mode': 'require' }],
  ["password='a\nb'", { password: 'a\nb' }],
  ['host= port=1', { host: 'port=1' }],
  ['host=h password=', { host: 'h' }],
])('keywords and values as libpq reads them: %j', (text, values) => {
  expect(parsed(text)).toEqual(values);
});

test.each([
  ['postgresql://', {}],
  ['postgres://h', { host: 'h' }],
  ['postgresql://h:5433/d', { host: 'h', port: '5433', name: 'd' }],
  ['postgresql://u:p%40%2F%3A@h/d%20e', { user: 'u', password: 'p@/:', host: 'h', name: 'd e' }],
  ['postgresql://u@h', { user: 'u', host: 'h' }],
  ['postgresql://u:a:b@h', { user: 'u', password: 'a:b', host: 'h' }],
  ['postgresql:///d', { name: 'd' }],
  ['postgresql://[2001:db8::1]:1/d', { host: '2001:db8::1', port: '1', name: 'd' }],
  ['postgresql://%2Fvar%2Frun/d', { host: '/var/run', name: 'd' }],
  ['postgresql:///d?host=/var/run&port=1', { host: '/var/run', port: '1', name: 'd' }],
  ['postgresql://h?user=u&password=p%26q', { host: 'h', user: 'u', password: 'p&q' }],
  [
    'postgresql://h/d?sslmode=verify-ca&sslrootcert=%2Fca',
    { host: 'h', name: 'd', 'tls.mode': 'verify-ca', 'tls.ca': '/ca' },
  ],
  ['postgresql://h/?ssl=true', { host: 'h', 'tls.mode': 'require' }],
  ['postgresql://h/d+e?user=a+b', { host: 'h', name: 'd+e', user: 'a+b' }],
])('URLs as libpq reads them: %s', (text, values) => {
  expect(parsed(text)).toEqual(values);
});

const neither = 'is neither keywords and values of libpq nor a postgresql:// URL';

test.each([
  ['hunter2', neither],
  ['password=my hunter2', neither],
  ["password='hunter2", neither],
  ['password=hunter2\\', neither],
  ["password='hunter2'x", neither],
  ['=hunter2', neither],
  ['root:hunter2@tcp(localhost:3306)/db', neither],
  ['hunter2=x', 'has a keyword that libpq does not know, which is not supported here: remove it'],
  ['connect_timeout=3', 'has "connect_timeout", which is not supported here: remove it'],
  ['__proto__=1', 'has a keyword that libpq does not know, which is not supported here: remove it'],
  ['host=a,b', 'names several hosts; one is supported'],
  ['postgresql://u:hunter2@a,b/d', 'names several hosts; one is supported'],
  ['postgresql://u:hunter2@a:1,b:2/d', 'names several hosts; one is supported'],
  [
    'postgresql://u:hunter2%@h',
    'has a "%" that does not begin a percent-encoded character; write "%25" for a "%"',
  ],
  [
    'postgresql://u:hunter%ff@h',
    'has a "%" that does not begin a percent-encoded character; write "%25" for a "%"',
  ],
  ['postgresql://u:hun@ter2@h', 'is no valid postgresql:// URL'],
  ['postgresql://[::1/d', 'is no valid postgresql:// URL'],
  ['postgresql://h?user', 'has a URL parameter that is not keyword=value'],
])('%j is refused', (text, problem) => {
  expect(parsed(text)).toBe(problem);
});

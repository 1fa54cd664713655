import { expect, test } from 'vitest';
import { isCertainlyDead, ownerOfThisProcess, type Proc } from '../../../src/etcd/owner.ts';

const stat = (pid: number, start: number, state = 'S') =>
  `${pid} (a name) with 1 (parentheses)) ${state} ${'0 '.repeat(18)}${start} 0 0\n`;

function procOf(files: Readonly<Record<string, string>>): Proc {
  const all: Record<string, string> = {
    '/proc/sys/kernel/random/boot_id': 'boot-1\n',
    '/proc/self/ns/pid': 'pid:[1]',
    '/proc/self/stat': stat(10, 500),
    '/proc/1/stat': stat(1, 1),
    ...files,
  };
  const read = (path: string) => all[path] ?? null;
  return { readFile: read, readLink: read };
}

const owner = { boot_id: 'boot-1', pid_namespace: 'pid:[1]', pid: 9, process_start: '400' };

test('this process knows itself, and is alive', () => {
  const self = ownerOfThisProcess();
  expect(self?.pid).toBe(process.pid);
  expect(self !== null && isCertainlyDead(self)).toBe(false);
});

test('a process that is gone, whose id another one has, or that nobody has waited for, is dead', () => {
  expect(isCertainlyDead(owner, procOf({}))).toBe(true);
  expect(isCertainlyDead(owner, procOf({ '/proc/9/stat': stat(9, 401) }))).toBe(true);
  expect(isCertainlyDead(owner, procOf({ '/proc/9/stat': stat(9, 400, 'Z') }))).toBe(true);
});

test('a process that lives, or of which nothing is certain, is not dead', () => {
  expect(isCertainlyDead(owner, procOf({ '/proc/9/stat': stat(9, 400) }))).toBe(false);
  // unreadable
  expect(isCertainlyDead(owner, procOf({ '/proc/9/stat': '' }))).toBe(false);
  expect(isCertainlyDead({ ...owner, boot_id: 'boot-2' }, procOf({}))).toBe(false);
  expect(isCertainlyDead({ ...owner, pid_namespace: 'pid:[2]' }, procOf({}))).toBe(false);
  const nothing: Proc = { readFile: () => null, readLink: () => null };
  expect(isCertainlyDead(owner, nothing)).toBe(false);
  const visible = procOf({});
  const hidepid: Proc = {
    readFile: (path) => (path === '/proc/1/stat' ? null : visible.readFile(path)),
    readLink: visible.readLink,
  };
  expect(isCertainlyDead(owner, hidepid)).toBe(false);
});

import { readFileSync } from 'node:fs';
import { validate } from 'dockerfile-utils';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);
const text = readFileSync(new URL('Dockerfile', root), 'utf8');

/** Instructions with their arguments, continuation lines joined, comments left out. */
const instructions = text
  .replace(/^#.*\n/gm, '')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line.trim() !== '')
  .map((line) => {
    const [keyword = '', ...rest] = line.trim().split(/\s+/);
    return { keyword, text: rest.join(' ') };
  });

function all(keyword: string): string[] {
  return instructions.filter((found) => found.keyword === keyword).map((found) => found.text);
}

/** Those of the last stage: what becomes the image. */
const lastFrom = instructions.findLastIndex(({ keyword }) => keyword === 'FROM');
const image = instructions.slice(lastFrom);

test('the linter has nothing to say', () => {
  expect(validate(text).map(({ message, range }) => [range.start.line + 1, message])).toEqual([]);
});

test('two stages on the same base: the compiler is not in the image', () => {
  expect(all('FROM')).toEqual(['node:24-slim AS build', 'node:24-slim']);
  expect(image.filter(({ keyword }) => keyword === 'RUN')).toEqual([]);
});

test('the image is not run by root, and says so by number', () => {
  const user = image.findIndex(({ keyword }) => keyword === 'USER');
  expect(image[user]?.text).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  // What comes after USER in an image is for run time only: nothing more is written into it.
  const after = image.slice(user + 1).map(({ keyword }) => keyword);
  expect(after).toEqual(['HEALTHCHECK', 'ENTRYPOINT', 'CMD']);
});

test('the health check asks /healthz by a program that the image has', () => {
  const [check = ''] = all('HEALTHCHECK');
  const command: unknown = JSON.parse(check.slice(check.indexOf('[')));
  expect(command).toEqual(['node', '-e', expect.stringContaining("'/healthz'")]);
  expect(() => new Function(String((command as string[])[2]))).not.toThrow();
});

test('the entry point is the program of the package', () => {
  const { bin } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
    bin: { watcher: string };
  };
  expect(JSON.parse(String(all('ENTRYPOINT')[0]))).toEqual([
    'node',
    '--enable-source-maps',
    bin.watcher,
  ]);
});

test('.dockerignore lets through exactly what is copied from the context', () => {
  const sent = readFileSync(new URL('.dockerignore', root), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
  const copied = all('COPY')
    .filter((found) => !found.startsWith('--from='))
    .flatMap((found) => found.split(' ').slice(0, -1));
  expect(sent.sort()).toEqual([...new Set(copied)].sort());
});

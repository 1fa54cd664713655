import { expect, test } from 'vitest';
import { Failures } from '../../../src/api/auth-failures.ts';

function exhausted(address: string): Failures {
  const failures = new Failures(() => 0);
  for (let count = 0; count < 30; count += 1) failures.failed(address);
  return failures;
}

test.each([
  ['10.0.0.1', '10.0.0.1', true],
  ['10.0.0.1', '::ffff:10.0.0.1', true],
  ['10.0.0.1', '10.0.0.2', false],
  ['2001:db8:1:2::1', '2001:DB8:1:2:3:4:5:6', true],
  ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
  ['::1', '0:0:0:0:9:9:9:9', true],
  ['fe80::1%eth0', 'fe80::2%eth1', true],
  ['2001:db8::1', '2001:db8:0:0:5::', true],
  ['2001:db8::1', '2001:db8:0:1::1', false],
])('what %s did counts for %s: %s', (first, second, same) => {
  expect(exhausted(first).waitSeconds(second)).toBe(same ? 3 : 0);
});

test('tries come back one by one, up to thirty', () => {
  let nowMs = 0;
  const failures = new Failures(() => nowMs);
  const triesLeft = () => {
    let count = 0;
    for (; failures.waitSeconds('a') === 0; count += 1) failures.failed('a');
    return count;
  };
  expect(triesLeft()).toBe(30);
  nowMs += 3_000;
  expect(triesLeft()).toBe(1);
  nowMs += 8_000;
  expect(triesLeft()).toBe(2);
  nowMs += 1_000;
  expect(triesLeft()).toBe(1);
  nowMs += 1_000_000;
  expect(triesLeft()).toBe(30);
});

test('memory is bounded: the address that was not heard of for longest is forgotten', () => {
  const failures = exhausted('first');
  for (let count = 0; count < 500; count += 1) failures.failed(`other ${count}`);
  failures.failed('first');
  for (let count = 500; count < 1_400; count += 1) failures.failed(`other ${count}`);
  expect(failures.size).toBe(1_000);
  expect(failures.waitSeconds('first')).toBe(3);
  for (let count = 0; count < 1_000; count += 1) failures.failed(`more ${count}`);
  expect(failures.waitSeconds('first')).toBe(0);
  for (let count = 0; count < 200; count += 1) failures.succeeded('first', `token ${count}`);
  expect(failures.knownNames('first').size).toBe(100);
});

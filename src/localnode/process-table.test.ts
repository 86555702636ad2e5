import { expect, test } from 'vitest';
import { isInSession, withDescendants } from './end-processes.ts';
import { createProcessTable, parseMarkers, parseStat, readStartTicks, type ProcessEntry } from './process-table.ts';

const stat = (pid: number, command: string, state: string, flags = 4_194_304): string =>
  `${pid} (${command}) ${state} 7 8 9 0 -1 ${flags} 96 0 0 0 0 0 0 0 20 0 1 0 221402 3133440 359 18446744073709551615 1\n`;

test.each(['sh', 'a b', 'x) R 1 2 3 (', ''])('the line of a command named %j is understood', (command) => {
  expect(parseStat(stat(42, command, 'S'))).toEqual({ pid: 42, ppid: 7, pgrp: 8, session: 9, startTicks: 221402 });
});

test('a zombie is not alive', () => {
  expect(parseStat(stat(42, 'sh', 'Z'))).toBeUndefined();
  expect(parseStat('')).toBeUndefined();
});

test('a thread of the kernel is no process', () => {
  expect(parseStat(stat(2, 'kthreadd', 'S', 2_129_984))).toBeUndefined();
});

test('a process whose session began outside of its pid namespace is one', () => {
  expect(parseStat('7 (sh) S 1 0 0 0 -1 4194304 96 0 0 0 0 0 0 0 20 0 1 0 500 1 1 1 1\n')).toMatchObject({
    session: 0,
  });
});

test.each([
  ['PORTHOLE_POD_DIR=/a\0X=1\0', { podDir: '/a' }],
  ['X=1\0PORTHOLE_POD_DIR=/a b\0PORTHOLE_CONTAINER_ID=c', { podDir: '/a b', containerId: 'c' }],
  ['X=PORTHOLE_POD_DIR=/a\0MY_PORTHOLE_POD_DIR=/b\0', {}],
  ['', {}],
])('markers of %j', (environ, expected) => {
  expect(parseMarkers(environ)).toEqual(expected);
});

test('this process is in the table, and callers who come at once share a scan', async () => {
  const table = createProcessTable();
  const [first, second, third] = await Promise.all([table.scan(), table.scan(), table.scan()]);
  expect(first.find((e) => e.pid === process.pid)).toMatchObject({
    ppid: process.ppid,
    uid: process.getuid?.(),
    startTicks: readStartTicks(process.pid),
  });
  expect(second).toBe(first);
  expect(third).toBe(second);
  expect(await table.scan()).not.toBe(first);
});

test('a known session tells where its members come from, until it is forgotten', async () => {
  const table = createProcessTable();
  const self = (await table.scan()).find((e) => e.pid === process.pid);
  if (!self) throw new Error('this process is not in the table');
  const origin = { podDir: '/pods/u', containerId: 'c' };
  const originOfSelf = async () => (await table.scan()).find((e) => e.pid === process.pid)?.origin;
  {
    using _known = table.enlist({ pid: self.session, startTicks: 0 }, origin);
    expect(await originOfSelf()).toEqual(origin);
  }
  expect(await originOfSelf()).toBeUndefined();
  using _younger = table.enlist({ pid: self.session, startTicks: self.startTicks + 1 }, origin);
  expect(await originOfSelf()).toBeUndefined();
});

const entry = (pid: number, ppid: number, more: Partial<ProcessEntry> = {}): ProcessEntry => ({
  pid,
  ppid,
  pgrp: pid,
  session: pid,
  startTicks: 100,
  ...more,
});

test('descendants are found however deep, and in whatever order they are listed', () => {
  const entries = [entry(5, 4), entry(4, 3), entry(3, 1), entry(2, 1), entry(6, 5)];
  const found = withDescendants(entries, (e) => e.pid === 3).map((e) => e.pid);
  expect(found.sort()).toEqual([3, 4, 5, 6]);
});

test.each<[string, ProcessEntry, boolean]>([
  ['the leader', entry(10, 1, { session: 10 }), true],
  ['a member', entry(11, 10, { session: 10, startTicks: 150 }), true],
  ['a member whose leader is dead', entry(11, 1, { session: 10, startTicks: 150 }), true],
  ['a process that was given the dead leader’s pid', entry(10, 1, { session: 10, startTicks: 500 }), false],
  ['somebody older in a session of that number', entry(11, 1, { session: 10, startTicks: 50 }), false],
  ['a stranger', entry(12, 1), false],
])('%s', (_name, e, expected) => {
  expect(isInSession(e, { pid: 10, startTicks: 100 })).toBe(expected);
});

import { expect, it } from 'vitest';
import { findFamily, listProcesses, parseStat, type ProcessEntry } from './process-tree.ts';

it('reads a line of /proc/<pid>/stat whatever the program is called', () => {
  expect(parseStat('42 (a) b) 1 (Z) S 7 42 41 0 -1 4194560')).toEqual({
    pid: 42,
    ppid: 7,
    session: 41,
    isZombie: false,
  });
  expect(parseStat('43 (dead) Z 1 42 41 0')).toMatchObject({ isZombie: true });
  expect(parseStat('')).toBeUndefined();
});

it('finds this process among all', () => {
  expect(listProcesses().find((entry) => entry.pid === process.pid)).toMatchObject({ ppid: process.ppid });
});

const entry = (pid: number, ppid: number, session: number, isZombie = false): ProcessEntry => ({
  pid,
  ppid,
  session,
  isZombie,
});

it.each([
  ['children and theirs', [entry(10, 1, 10), entry(11, 10, 10), entry(12, 11, 10)], [11, 12]],
  ['an orphan in the session that it leads', [entry(10, 1, 10), entry(20, 1, 10), entry(21, 20, 21)], [20, 21]],
  ['not the rest of a session that it does not lead', [entry(10, 1, 5), entry(11, 10, 5), entry(30, 1, 5)], [11]],
  ['no dead ones, but their children', [entry(10, 1, 10), entry(11, 10, 10, true), entry(12, 11, 10)], [12]],
  ['nobody else', [entry(10, 1, 10), entry(40, 1, 40)], []],
])('a family: %s', (_, entries, expected) => {
  expect([...findFamily(entries, 10)].sort()).toEqual(expected);
});

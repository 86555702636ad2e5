import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { dropPrivileges, parseRunAs, planPrivileges, type PrivilegedProcess } from './privileges.ts';

describe('parseRunAs', () => {
  it('reads uid and gid', () => {
    expect(parseRunAs('99002:99003')).toEqual({ uid: 99002, gid: 99003 });
    expect(parseRunAs('4294967294:1')).toEqual({ uid: 4294967294, gid: 1 });
  });
  it.each([
    '',
    '1000',
    ':',
    '1000:',
    ':1000',
    '0:1000',
    '1000:0',
    '00:1',
    'root:root',
    '1:2:3',
    '-1:5',
    '1.5:2',
    '4294967295:1',
  ])('refuses %j', (text) => {
    expect(() => parseRunAs(text)).toThrow('uid:gid');
  });
});

describe('planPrivileges', () => {
  const runAs = { uid: 5, gid: 6 };
  it('changes nothing for an ordinary user, whatever is asked', () => {
    expect(planPrivileges(1000, runAs)).toEqual({ kind: 'stay' });
    expect(planPrivileges(1000, undefined)).toEqual({ kind: 'stay' });
  });
  it('makes root become who it was told, and refuses when it was told nobody', () => {
    expect(planPrivileges(0, runAs)).toEqual({ kind: 'drop', to: runAs });
    expect(planPrivileges(0, undefined).kind).toBe('refuse');
  });
});

/** A process whose calls succeed; `broken` pretends that one did nothing. */
function pretend(broken?: 'setuid' | 'setgid' | 'setgroups' | 'wayBack'): { self: PrivilegedProcess; calls: string[] } {
  const calls: string[] = [];
  let [uid, gid, groups] = [0, 0, [0, 27]];
  const self = {
    setgroups: () => {
      calls.push('setgroups');
      if (broken !== 'setgroups') groups = [];
    },
    setgid: (id: number) => {
      calls.push('setgid');
      if (broken !== 'setgid') gid = id;
    },
    setuid: (id: number) => {
      calls.push('setuid');
      if (uid !== 0 && broken !== 'wayBack') throw new Error('EPERM');
      if (broken !== 'setuid') uid = id;
    },
    getuid: () => uid,
    geteuid: () => uid,
    getgid: () => gid,
    getegid: () => gid,
    getgroups: () => groups,
  };
  return { self: self as PrivilegedProcess, calls };
}

describe('dropPrivileges', () => {
  it('drops groups, then group, then user, then tries the way back', () => {
    const { self, calls } = pretend();
    dropPrivileges({ uid: 5, gid: 6 }, self);
    expect(calls).toEqual(['setgroups', 'setgid', 'setuid', 'setuid']);
  });
  it.each(['setuid', 'setgid', 'setgroups', 'wayBack'] as const)('throws when %s leaves power behind', (broken) => {
    expect(() => dropPrivileges({ uid: 5, gid: 6 }, pretend(broken).self)).toThrow('could not become 5:6');
  });
  it.runIf(process.getuid?.() === 0)('holds for a real process started as root', () => {
    const script = `
      const { dropPrivileges } = await import(${JSON.stringify(new URL('./privileges.ts', import.meta.url).href)});
      dropPrivileges({ uid: 99002, gid: 99002 });
      const { readFileSync } = await import('node:fs');
      process.stdout.write(readFileSync('/proc/self/status', 'utf8'));`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^Uid:\t99002\t99002\t99002\t99002$/m);
    expect(stdout).toMatch(/^Gid:\t99002\t99002\t99002\t99002$/m);
    expect(stdout).toMatch(/^Groups:\t(99002)? ?$/m);
    expect(stdout).toMatch(/^CapEff:\t0+$/m);
  });
});

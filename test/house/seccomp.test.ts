import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { SeccompProfile, SeccompRule } from '../../hack/generate/seccomp.ts';

const read = (file: string): SeccompProfile =>
  JSON.parse(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')) as SeccompProfile;
const profile = read('charts/porthole/files/porthole-chromium.json');
const runtimeDefault = read('hack/seccomp/runtime-default.json');
const isIn = ({ syscalls }: SeccompProfile, rule: SeccompRule): boolean =>
  syscalls.some((other) => JSON.stringify(other) === JSON.stringify(rule));

it('forbids what no rule names, as RuntimeDefault does, and takes none of its rules away', () => {
  expect(profile.defaultAction).toBe('SCMP_ACT_ERRNO');
  expect(profile.defaultAction).toBe(runtimeDefault.defaultAction);
  expect(runtimeDefault.syscalls.filter((rule) => !isIn(profile, rule))).toEqual([]);
});

it('adds five rules, and the system calls of arm64', () => {
  const allow = 'SCMP_ACT_ALLOW';
  const clone = (flags: number): SeccompRule => ({
    names: ['clone'],
    action: allow,
    args: [{ index: 0, value: 0x7e020000, valueTwo: flags, op: 'SCMP_CMP_MASKED_EQ' }],
  });
  expect(profile.syscalls.filter((rule) => !isIn(runtimeDefault, rule))).toEqual([
    {
      names: ['arm_fadvise64_64', 'arm_sync_file_range', 'sync_file_range2', 'breakpoint', 'cacheflush', 'set_tls'],
      action: allow,
    },
    clone(0x10000000),
    clone(0x20000000),
    clone(0x70000000),
    { names: ['unshare'], action: allow, args: [{ index: 0, value: 0x10000000, op: 'SCMP_CMP_EQ' }] },
    { names: ['chroot'], action: allow },
  ]);
});

/** clone3 hides its flags in memory, where a filter cannot look: glibc falls back to clone when it is told that there is none. */
it('lets nobody past the rules of clone', () => {
  const of = (name: string): readonly SeccompRule[] => profile.syscalls.filter(({ names }) => names.includes(name));
  expect(of('clone3')).toEqual([{ names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 }]);
  expect(of('clone').every(({ args }) => args?.length === 1)).toBe(true);
  for (const name of [
    'setns',
    'mount',
    'pivot_root',
    'bpf',
    'add_key',
    'keyctl',
    'userfaultfd',
    'io_uring_setup',
    'umount2',
  ]) {
    expect(of(name), name).toEqual([]);
  }
});

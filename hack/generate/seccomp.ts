import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#seccomp */
interface SeccompArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: string;
}
export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly args?: readonly SeccompArgument[];
  readonly errnoRet?: number;
}
export interface SeccompProfile {
  readonly defaultAction: string;
  readonly architectures: readonly string[];
  readonly syscalls: readonly SeccompRule[];
}

/** What containerd calls RuntimeDefault, as hack/seccomp/main.go got it from the module. */
const runtimeDefaultFile = fileURLToPath(new URL('../seccomp/runtime-default.json', import.meta.url));

/** https://man7.org/linux/man-pages/man2/clone.2.html */
const cloneNew = {
  mount: 0x0002_0000,
  cgroup: 0x0200_0000,
  uts: 0x0400_0000,
  ipc: 0x0800_0000,
  user: 0x1000_0000,
  pid: 0x2000_0000,
  network: 0x4000_0000,
} as const;
const anyNamespace = Object.values<number>(cloneNew).reduce((mask, bit) => mask | bit);

/** clone(2) that makes these namespaces and no other. */
function clones(...namespaces: readonly (keyof typeof cloneNew)[]): SeccompRule {
  const flags = namespaces.reduce<number>((sum, name) => sum | cloneNew[name], 0);
  return {
    names: ['clone'],
    action: 'SCMP_ACT_ALLOW',
    args: [{ index: 0, value: anyNamespace, valueTwo: flags, op: 'SCMP_CMP_MASKED_EQ' }],
  };
}

/**
 * All that Chromium's own sandbox does beyond RuntimeDefault. It tries whether it may make a user namespace, makes its zygote in one
 * with PIDs and a network of its own, gives each renderer a PID namespace, and takes the file system away. chroot(2) needs
 * CAP_SYS_CHROOT, which nobody in the container has but who is in such a user namespace.
 * https://chromium.googlesource.com/chromium/src/+/main/sandbox/linux/services/credentials.cc
 */
const chromiumSandbox: readonly SeccompRule[] = [
  clones('user'),
  clones('pid'),
  clones('user', 'pid', 'network'),
  {
    names: ['unshare'],
    action: 'SCMP_ACT_ALLOW',
    args: [{ index: 0, value: cloneNew.user, op: 'SCMP_CMP_EQ' }],
  },
  { names: ['chroot'], action: 'SCMP_ACT_ALLOW' },
];

/** What containerd allows on arm64 besides. One file does for nodes of either kind: each kernel heeds the part that is its own. */
const arm64 = {
  architectures: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
  rule: {
    names: ['arm_fadvise64_64', 'arm_sync_file_range', 'sync_file_range2', 'breakpoint', 'cacheflush', 'set_tls'],
    action: 'SCMP_ACT_ALLOW',
  },
} as const;

/** The profile for pools that run under runc: RuntimeDefault and five rules. */
export function buildSeccompProfile(): SeccompProfile {
  const base = JSON.parse(readFileSync(runtimeDefaultFile, 'utf8')) as SeccompProfile;
  return {
    ...base,
    architectures: [...base.architectures, ...arm64.architectures],
    syscalls: [...base.syscalls, arm64.rule, ...chromiumSandbox],
  };
}

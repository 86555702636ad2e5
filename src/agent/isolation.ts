import { readFileSync, readlinkSync } from 'node:fs';
import os from 'node:os';
import type { IsolationKind } from '../api/agent/wire.ts';

/** What the kernel shows to whoever asks, as far as it tells one kind of sandbox from another. */
export interface IsolationEvidence {
  /** The node that started the pod has said that it is processes of its machine. */
  readonly isDeclaredLocal: boolean;
  /** uname(2)'s release. */
  readonly release: string;
  /** /proc/cmdline: how the kernel was started. */
  readonly bootLine: string;
  /** /proc/self/mountinfo: https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html */
  readonly mounts: string;
  /** Target of /proc/self/ns/pid. */
  readonly pidNamespace: string;
}

interface Mount {
  /** Path within its file system. */
  readonly root: string;
  readonly mountPoint: string;
  readonly type: string;
  readonly source: string;
}

function parseMounts(text: string): readonly Mount[] {
  return text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root, mountPoint] = before.split(' ');
    const [type, source] = after.split(' ');
    return root && mountPoint && type && source ? [{ root, mountPoint, type, source }] : [];
  });
}

type Rule = (evidence: IsolationEvidence, mounts: readonly Mount[]) => IsolationKind | undefined;

/** The first that answers decides. None says VirtualMachine of a container that merely runs on a machine that is one. */
const rules: readonly Rule[] = [declaredLocal, gVisor, kataShare, kataCopies, krun, hostProcess];

/**
 * What this pod is, by what was observed and by nothing else. A processor's `hypervisor` flag, DMI strings and virtio disks tell
 * nothing: every container on a cloud's machine sees them. What tells are traces of the runtime that made a machine for this pod.
 */
export function classifyIsolation(evidence: IsolationEvidence): IsolationKind {
  const mounts = parseMounts(evidence.mounts);
  for (const rule of rules) {
    const kind = rule(evidence, mounts);
    if (kind) return kind;
  }
  return 'Container';
}

/** Whatever that machine is: the sandboxes on it share it. */
function declaredLocal({ isDeclaredLocal }: IsolationEvidence): IsolationKind | undefined {
  return isDeclaredLocal ? 'LocalProcess' : undefined;
}

/** Its kernel names itself: `4.19.0-gvisor`. https://github.com/google/gvisor/blob/master/pkg/sentry/kernel/version/version.go */
function gVisor({ release }: IsolationEvidence): IsolationKind | undefined {
  return /^\d+\.[\d.]+-gvisor$/.test(release) ? 'GVisor' : undefined;
}

/** Files that the kubelet makes for each container. */
const podFiles: ReadonlySet<string> = new Set(['/etc/hosts', '/etc/hostname', '/etc/resolv.conf']);
/** As Kata's runtime names them in what host and guest share: an id, a number, the file. */
const kataFile = /^\/(passthrough\/)?[^/]+-(hosts|hostname|resolv\.conf)$/;
/** As above, where they are copied into a guest that shares nothing. */
const kataCopy = /^\/kata-containers\/shared\/containers\/(passthrough\/)?[^/]+-(hosts|hostname|resolv\.conf)$/;

/**
 * Kata hands the pod's files to this very container through a device that only a hypervisor makes. A container that is started within
 * a Kata machine has that machine's kernel too, but its files from elsewhere.
 * https://github.com/kata-containers/kata-containers/blob/main/docs/design/virtualization.md
 */
function kataShare(_evidence: IsolationEvidence, mounts: readonly Mount[]): IsolationKind | undefined {
  const isShared = mounts.some(
    ({ mountPoint, root, type, source }) =>
      podFiles.has(mountPoint) && source === 'kataShared' && /^(virtiofs|9p)$/.test(type) && kataFile.test(root),
  );
  return isShared ? 'VirtualMachine' : undefined;
}

/** A confidential guest trusts no share of the host's: the files are copies in its memory, so its kernel has to bear witness too. */
function kataCopies({ bootLine }: IsolationEvidence, mounts: readonly Mount[]): IsolationKind | undefined {
  const isKatas = /(^|\s)(systemd\.unit=kata-containers\.target|init=\S*\/kata-agent)(\s|$)/.test(bootLine);
  const isCopied = mounts.some(
    ({ mountPoint, root, type }) => podFiles.has(mountPoint) && type === 'tmpfs' && kataCopy.test(root),
  );
  return isKatas && isCopied ? 'VirtualMachine' : undefined;
}

/** crun with libkrun: one program a machine, its root a share of the host's. https://github.com/containers/libkrun */
function krun({ bootLine }: IsolationEvidence, mounts: readonly Mount[]): IsolationKind | undefined {
  const isKrun = /(^|\s)init=\/init\.krun(\s|$)/.test(bootLine);
  const hasSharedRoot = mounts.some(({ mountPoint, type }) => mountPoint === '/' && type === 'virtiofs');
  return isKrun && hasSharedRoot ? 'VirtualMachine' : undefined;
}

/** PROC_PID_INIT_INO: https://github.com/torvalds/linux/blob/master/include/linux/proc_ns.h */
const initialPidNamespace = 'pid:[4026531836]';

/** No container runtime leaves a container among the processes of its host unless it is told to. */
function hostProcess({ pidNamespace }: IsolationEvidence): IsolationKind | undefined {
  return pidNamespace === initialPidNamespace ? 'LocalProcess' : undefined;
}

function orNothing(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}

function readText(file: string): string {
  return orNothing(() => readFileSync(file, 'utf8'));
}

/** Looks around. Nothing that a page can have changed: this comes before the browser answers. */
export function observeIsolation(isDeclaredLocal: boolean): IsolationKind {
  return classifyIsolation({
    isDeclaredLocal,
    release: os.release(),
    bootLine: readText('/proc/cmdline'),
    mounts: readText('/proc/self/mountinfo'),
    pidNamespace: orNothing(() => readlinkSync('/proc/self/ns/pid')),
  });
}

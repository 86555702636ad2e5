/**
 * Giving up root. A program may have to start as root only because its files lie where nobody else can read; once it is
 * loaded it becomes somebody else, for good.
 */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** 2^32 - 1 means "leave as it is" to setuid(2)'s relatives, so it is nobody's id. */
const highestId = 2 ** 32 - 2;

function parseId(text: string | undefined): number {
  const id = /^[0-9]{1,10}$/.test(text ?? '') ? Number(text) : 0;
  if (id < 1 || id > highestId) throw new Error('it must be uid:gid, two numbers above 0, e.g. 65532:65532');
  return id;
}

/** `uid:gid` in decimal. Throws on anything else, and on root: that would be no change. */
export function parseRunAs(text: string): Identity {
  const [uid, gid, ...rest] = text.split(':');
  if (rest.length > 0) parseId(undefined);
  return { uid: parseId(uid), gid: parseId(gid) };
}

/** What `dropPrivileges` needs of the process; the real one by default. POSIX only. */
export type PrivilegedProcess = Required<
  Pick<NodeJS.Process, 'setgroups' | 'setgid' | 'setuid' | 'getuid' | 'geteuid' | 'getgid' | 'getegid' | 'getgroups'>
>;

function isRootAgain(self: PrivilegedProcess): boolean {
  try {
    self.setuid(0);
    return true;
  } catch {
    return false;
  }
}

/**
 * Becomes `uid:gid` without supplementary groups, in every thread, and checks that there is no way back. Throws when any
 * part of it failed: the caller then must not go on. Nothing may be imported afterwards that `uid` cannot read.
 * The order matters: https://wiki.sei.cmu.edu/confluence/display/c/POS36-C
 */
export function dropPrivileges(
  { uid, gid }: Identity,
  self: PrivilegedProcess = process as unknown as PrivilegedProcess,
): void {
  self.setgroups([]);
  self.setgid(gid);
  self.setuid(uid);
  const users = [self.getuid(), self.geteuid()];
  const groups = [self.getgid(), self.getegid(), ...self.getgroups()];
  if (users.some((id) => id !== uid) || groups.some((id) => id !== gid) || isRootAgain(self)) {
    throw new Error(`could not become ${uid}:${gid} for good`);
  }
}

/** What a program that must not serve as root has to do when it is loaded. */
export type PrivilegePlan =
  | { readonly kind: 'stay' }
  | { readonly kind: 'drop'; readonly to: Identity }
  | { readonly kind: 'refuse'; readonly message: string };

/** `runAs` counts only for root: nobody else can become another user. */
export function planPrivileges(uid: number, runAs: Identity | undefined): PrivilegePlan {
  if (uid !== 0) return { kind: 'stay' };
  if (runAs) return { kind: 'drop', to: runAs };
  return { kind: 'refuse', message: 'it must not run as root: start it as another user or say whom to become' };
}

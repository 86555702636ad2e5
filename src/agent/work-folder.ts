import { chownSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Identity } from '../lib/privileges.ts';

/** Where a sandbox's programs keep their files: the pod's own, gone with it. */
export interface WorkFolder {
  readonly path: string;
  readonly home: string;
  readonly profile: string;
  /** For TMPDIR; a path as it is seen from {@link path}, which is the working directory of all that is started. */
  readonly tmp: string;
  /** The user that owns it, when that is not the one that runs this program yet. */
  readonly owner: Identity | undefined;
}

/**
 * Chromium makes a socket `org.chromium.Chromium.XXXXXX/SingletonSocket` below TMPDIR and aborts when that is longer than a UNIX
 * socket's address may be (107 bytes, unix(7)). A relative TMPDIR is fine with it, whatever the folder is called.
 */
const longestTmp = 107 - '/org.chromium.Chromium.XXXXXX/SingletonSocket'.length;

/** Makes what is in it, private to `owner`. The folder itself may be there or not. */
export function prepareWorkFolder(folder: string, owner: Identity | undefined): WorkFolder {
  const at = (name: string): string => path.join(folder, name);
  for (const made of [folder, at('home'), at('profile'), at('tmp')]) {
    mkdirSync(made, { recursive: true, mode: 0o700 });
    if (owner) chownSync(made, owner.uid, owner.gid);
  }
  const tmp = at('tmp');
  return {
    path: folder,
    home: at('home'),
    profile: at('profile'),
    tmp: Buffer.byteLength(tmp) <= longestTmp ? tmp : 'tmp',
    owner,
  };
}

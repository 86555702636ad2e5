import { manifestsPrefix, parseManifestKey } from '../../api/recording/keys.ts';
import type { RecordingManifest } from '../../api/recording/manifest.ts';
import type { BlobInfo, BlobStore } from '../../blobs/blob-store.ts';
import { decideStored } from '../../core/recording/decide.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { deleteRecording, readManifest, writeManifest } from './stored.ts';

export interface SweepDeps {
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly isFollowed: (recordingId: string) => boolean;
  readonly isSessionLive: (sessionUid: string) => boolean;
  /** Of an account, in milliseconds. */
  readonly retentionMsOf: (account: string) => number;
  readonly takeUp: (manifest: RecordingManifest) => void;
  readonly mayGrant: () => boolean;
}

interface Known {
  readonly info: BlobInfo;
  readonly manifest: RecordingManifest;
}

/** Looks at every stored recording, and does what no event brings up: what has expired goes, what nobody is busy with is taken up. */
export class RecordingSweep {
  readonly #deps: SweepDeps;
  /** Manifests hardly ever change: those that look as before are not read again. */
  readonly #known = new Map<string, Known>();

  constructor(deps: SweepDeps) {
    this.#deps = deps;
  }

  async run(): Promise<void> {
    const seen = new Set<string>();
    for await (const info of this.#deps.blobs.list(manifestsPrefix)) {
      if (!parseManifestKey(info.key)) continue;
      seen.add(info.key);
      const manifest = await this.#read(info);
      if (manifest && this.#deps.mayGrant()) await this.#settle(info.key, manifest);
    }
    for (const key of this.#known.keys()) if (!seen.has(key)) this.#known.delete(key);
  }

  async #read(info: BlobInfo): Promise<RecordingManifest | undefined> {
    const known = this.#known.get(info.key);
    // What runs is said to run until it has ended: that is worth a look each time. Some stores know whole seconds only.
    const isSame = known?.info.size === info.size && known.info.modifiedAtMs === info.modifiedAtMs;
    if (isSame && known.manifest.status === 'stopped') return known.manifest;
    const manifest = await readManifest(this.#deps.blobs, info.key);
    if (manifest) this.#known.set(info.key, { info, manifest });
    return manifest;
  }

  async #settle(key: string, manifest: RecordingManifest): Promise<void> {
    const { blobs, clock, logger, isFollowed, isSessionLive, retentionMsOf, takeUp } = this.#deps;
    const decision = decideStored({
      manifest,
      isFollowed: isFollowed(manifest.recordingId),
      isSessionLive: isSessionLive(manifest.sessionUid),
      retentionMs: retentionMsOf(manifest.account),
      nowMs: clock.now(),
    });
    switch (decision.type) {
      case 'takeUp':
        takeUp(manifest);
        return;
      case 'setExpiry':
        this.#known.delete(key);
        await writeManifest(blobs, { ...manifest, expiresAtMs: decision.expiresAtMs });
        return;
      case 'delete': {
        const { account, sessionUid, recordingId } = manifest;
        await deleteRecording(blobs, manifest);
        logger.info({ account, sessionUid, recordingId }, 'a recording was deleted: its retention time is over');
        return;
      }
      case 'keep':
    }
  }
}

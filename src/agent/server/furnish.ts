import type { BindRequest } from '../../api/agent/wire.ts';
import type { UsableBrowser } from '../chromium/browser.ts';
import { fitWindow, type Viewport } from '../chromium/page.ts';
import { loadExtensions } from '../extensions/load.ts';
import type { Shelf } from '../extensions/shelf.ts';
import type { Recorder } from '../recorder/recorder.ts';
import type { Egress } from './egress.ts';
import { Refusal } from './refusal.ts';
import { applyStealth } from './stealth.ts';

export interface FurnishOptions {
  readonly whenUsable: () => Promise<UsableBrowser>;
  /** Throws `not_ready` or `browser_gone`. */
  readonly requireBrowser: () => UsableBrowser;
  readonly display: 'headful' | 'headless';
  /** Makes the screen so large; undefined: there is none. */
  readonly resizeScreen: ((size: Viewport) => Promise<void>) | undefined;
  readonly recorder: Recorder;
  readonly egress: Egress;
  readonly shelf: Shelf;
}

/** Gives the sandbox all that its session asks for, nothing restarted. Throws `capability_failed`, `not_ready`, `browser_gone`. */
export function createFurnish(options: FurnishOptions): (request: BindRequest) => Promise<void> {
  const { whenUsable, requireBrowser, display, resizeScreen, recorder, egress, shelf } = options;
  const makeRoom =
    resizeScreen &&
    ((window: Viewport): Promise<void> =>
      resizeScreen(window).catch((cause: unknown) => {
        throw new Refusal('capability_failed', cause instanceof Error ? cause.message : String(cause), { cause });
      }));
  return async ({ stealth, viewport, recording, proxy, extensions = [] }) => {
    const fitted = viewport && whenUsable().then(({ control }) => fitWindow(control, viewport, makeRoom));
    // It takes longer than all the rest, and need not wait for it: only for the screen's size, which it keeps.
    const recorded = recording && Promise.resolve(fitted).then(() => recorder.begin(recording.recordingId));
    for (const begun of [fitted, recorded]) begun?.catch(() => undefined);
    const [{ control }] = await Promise.all([whenUsable(), proxy && egress.choose(proxy)]);
    await fitted;
    await loadExtensions(control, shelf, extensions);
    await recorded;
    if (stealth) await applyStealth({ browser: requireBrowser(), display, wish: stealth });
  };
}

import type { BindRequest } from '../../api/agent/wire.ts';
import { ControlError, type Control } from '../chromium/control.ts';
import { Refusal } from '../server/refusal.ts';
import type { Shelf } from './shelf.ts';

type Wish = NonNullable<BindRequest['extensions']>[number];

async function loadOne(control: Control, shelf: Shelf, { name, sha256 }: Wish): Promise<void> {
  const quoted = JSON.stringify(name);
  const folder = shelf.folderOf(sha256);
  if (folder === undefined)
    throw new Refusal('capability_failed', `Extension ${quoted} was not brought here. Try again.`);
  try {
    await control.call('Extensions.loadUnpacked', { path: folder });
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    const message = `The browser refuses extension ${quoted}: ${error.message} Upload one that it loads, or leave it out.`;
    throw new Refusal('capability_failed', message, { cause: error });
  }
}

/**
 * Loads them into the running browser, in the order in which they were asked for. Throws `capability_failed` with the name of the first that
 * the browser will not have.
 * https://chromedevtools.github.io/devtools-protocol/tot/Extensions/#method-loadUnpacked
 */
export async function loadExtensions(control: Control, shelf: Shelf, wishes: readonly Wish[]): Promise<void> {
  for (const wish of wishes) await loadOne(control, shelf, wish);
}

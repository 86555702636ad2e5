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
 * Loads them into the running browser: all at once, for it reads one while it starts another, and takes them over in the order in which it was
 * asked. Resolves or rejects once it has answered for each. Throws `capability_failed` with the name of the first that it will not have.
 * https://chromedevtools.github.io/devtools-protocol/tot/Extensions/#method-loadUnpacked
 */
export async function loadExtensions(control: Control, shelf: Shelf, wishes: readonly Wish[]): Promise<void> {
  const loaded = await Promise.allSettled(wishes.map((wish) => loadOne(control, shelf, wish)));
  for (const outcome of loaded) if (outcome.status === 'rejected') throw outcome.reason;
}

import type { ExtensionList } from '../../api/rest/extension.ts';
import { toExtensionView, type ExtensionShelf } from '../extension/shelf.ts';
import type { Operation } from '../http/exchange.ts';

export function listExtensions(shelf: Pick<ExtensionShelf, 'list'>): Operation {
  return async ({ account }) => {
    const extensions = (await shelf.list(account)).map(toExtensionView);
    return { status: 200, body: { extensions } satisfies ExtensionList };
  };
}

export function getExtension(shelf: Pick<ExtensionShelf, 'find'>): Operation {
  return async ({ id, account }) => ({ status: 200, body: toExtensionView(await shelf.find(id, account)) });
}

/** Sessions that run keep theirs: it was unpacked in their sandboxes. */
export function deleteExtension(shelf: Pick<ExtensionShelf, 'remove'>): Operation {
  return async ({ id, account }) => {
    await shelf.remove(id, account);
    return { status: 204 };
  };
}

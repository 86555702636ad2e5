import { setTimeout as delay } from 'node:timers/promises';
import type { PageInfo } from '../../api/agent/wire.ts';
import { request } from '../../lib/http.ts';
import type { UsableBrowser } from '../chromium/browser.ts';
import type { Control } from '../chromium/control.ts';
import type { DevtoolsEndpoint } from '../chromium/launch.ts';
import { Refusal } from './refusal.ts';

interface Target {
  readonly id: string;
  readonly type: string;
  readonly url: string;
  readonly title: string;
}

/** Undefined: it did not say. */
export type Visibility = 'visible' | 'hidden' | undefined;

/** A window of DevTools is Chromium's own. */
const isTab = ({ type, url }: Target): boolean => type === 'page' && !url.startsWith('devtools://');

/**
 * The tabs among DevTools' targets, whose order is: most recently active first, where a tab that was opened behind counts as active
 * too. So the active one is the first that can be seen; of those that do not say, since a dialog is open or they have crashed, the first; else
 * the first of all.
 */
export function toPages(targets: readonly Target[], seen: ReadonlyMap<string, Visibility>): readonly PageInfo[] {
  const tabs = targets.filter(isTab);
  const first = (visibility: Visibility): Target | undefined => tabs.find(({ id }) => seen.get(id) === visibility);
  const active = first('visible') ?? first(undefined) ?? tabs[0];
  return tabs.map((tab) => ({ pageId: tab.id, url: tab.url, title: tab.title, active: tab === active }));
}

/** Whoever reads a session waits no longer than for half a second. */
const lookMs = 150;
/** Of more tabs only the most recent are asked. */
const mostAsked = 16;

async function askVisibility(control: Control, targetId: string): Promise<Visibility> {
  const { sessionId } = await control.call('Target.attachToTarget', { targetId, flatten: true });
  const session = sessionId as string;
  try {
    const { result } = await control.call('Runtime.evaluate', { expression: 'document.visibilityState' }, session);
    const { value } = result as { readonly value?: unknown };
    return value === 'visible' || value === 'hidden' ? value : undefined;
  } finally {
    control.call('Target.detachFromTarget', { sessionId: session }).catch(() => undefined);
  }
}

/** Never rejects. One tab needs no looking at. */
async function look(control: Control, tabs: readonly Target[]): Promise<ReadonlyMap<string, Visibility>> {
  if (tabs.length < 2) return new Map();
  const seen = tabs.slice(0, mostAsked).map(async ({ id }): Promise<[string, Visibility]> => {
    const tooLate = delay(lookMs, undefined, { ref: false });
    return [id, await Promise.race([askVisibility(control, id).catch(() => undefined), tooLate])];
  });
  const hidden = tabs.slice(mostAsked).map(({ id }): [string, Visibility] => [id, 'hidden']);
  return new Map([...(await Promise.all(seen)), ...hidden]);
}

const patienceMs = 5_000;

/** The session's tabs, and which of them is seen. Throws `browser_gone` when Chromium does not answer. */
export async function listPages({ endpoint, control }: UsableBrowser): Promise<readonly PageInfo[]> {
  const targets = await listTargets(endpoint);
  return toPages(targets, await look(control, targets.filter(isTab)));
}

/** Asks Chromium's `/json/list`. */
function listTargets({ port }: DevtoolsEndpoint): Promise<readonly Target[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly Target[]>();
  const fail = (cause: unknown): void => reject(new Refusal('browser_gone', 'The browser does not answer.', { cause }));
  const asking = request({ host: '127.0.0.1', port, path: '/json/list', headers: { host: 'localhost' } });
  asking.setTimeout(patienceMs, () => void asking.destroy(new Error('timeout')));
  asking.on('error', fail).on('response', (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', fail);
    response.on('end', () => {
      try {
        resolve(JSON.parse(Buffer.concat(chunks).toString()) as Target[]);
      } catch (cause) {
        fail(cause);
      }
    });
  });
  asking.end();
  return promise;
}

import { expect, vi } from 'vitest';
import type { BrowserAccount } from '../../src/api/v1alpha1/browser-account.ts';
import type { BrowserSession } from '../../src/api/v1alpha1/browser-session.ts';
import { apiVersion } from '../../src/api/v1alpha1/group.ts';
import type { Pod } from '../../src/lib/kubernetes.ts';
import type { StoredObject } from '../../src/lib/object-meta.ts';
import type { ClusterWorld } from './cluster-world.ts';
import { patience } from './patience.ts';

export interface SessionManifest {
  readonly apiVersion: string;
  readonly kind: 'BrowserSession';
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec: Partial<BrowserSession['spec']>;
}

/** Of the default account, unless the spec says otherwise. */
export function sessionManifest(
  name: string,
  spec: Partial<BrowserSession['spec']> = {},
  labels?: Readonly<Record<string, string>>,
): SessionManifest {
  const metadata = { name, ...(labels && { labels }) };
  return { apiVersion, kind: 'BrowserSession', metadata, spec: { accountRef: { name: 'default' }, ...spec } };
}

export const accountManifest = (name: string, spec: Partial<BrowserAccount['spec']>): object => ({
  apiVersion,
  kind: 'BrowserAccount',
  metadata: { name },
  spec,
});

/** kubectl as people use it: names, JSON, and what it says. */
export interface Kubectl {
  (...args: readonly string[]): Promise<string>;
  /** `kubectl apply -f -` of these, with further arguments. */
  apply(manifests: object | readonly object[], ...args: readonly string[]): Promise<string>;
  /** By `kind/name`; undefined when there is none. */
  find<T extends StoredObject>(name: string): Promise<T | undefined>;
  session(name: string): Promise<BrowserSession | undefined>;
  /** Waits as a person does, and gives the session as it is then. */
  ready(name: string): Promise<BrowserSession>;
  /** Waits until the session has ended, and gives it. */
  ended(name: string): Promise<BrowserSession>;
  /** Deletes sessions and waits until their sandboxes are gone. */
  end(...names: readonly string[]): Promise<void>;
  pods(selector?: string): Promise<readonly Pod[]>;
}

/** Longest that a person waits; cold starts take their time on a small machine. */
const waitLimit = '--timeout=150s';

export function createKubectl({ kubectl }: Pick<ClusterWorld, 'kubectl'>): Kubectl {
  const run = (...args: readonly string[]): Promise<string> => kubectl(args);
  const find = async <T extends StoredObject>(name: string): Promise<T | undefined> => {
    const text = await run('get', name, '--output=json', '--ignore-not-found');
    return text === '' ? undefined : (JSON.parse(text) as T);
  };
  const session = (name: string): Promise<BrowserSession | undefined> => find(`browsersession/${name}`);
  const must = async (name: string): Promise<BrowserSession> => {
    const found = await session(name);
    if (!found) throw new Error(`There is no session ${name}.`);
    return found;
  };
  const pods: Kubectl['pods'] = async (selector = 'porthole.dev/pool') => {
    const text = await run('get', 'pods', `--selector=${selector}`, '--output=json');
    return (JSON.parse(text) as { readonly items: readonly Pod[] }).items;
  };
  return Object.assign(run, {
    find,
    session,
    pods,
    apply: (manifests: object | readonly object[], ...args: readonly string[]) => {
      const items = Array.isArray(manifests) ? (manifests as readonly object[]) : [manifests];
      return kubectl(['apply', '-f', '-', ...args], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    },
    ready: async (name: string) => {
      await run('wait', `browsersession/${name}`, '--for=condition=Ready', waitLimit);
      return must(name);
    },
    ended: async (name: string) => {
      await run('wait', `browsersession/${name}`, '--for=jsonpath={.status.phase}=Ended', waitLimit);
      return must(name);
    },
    end: async (...names: readonly string[]) => {
      const uids = await Promise.all(names.map(async (name) => (await session(name))?.metadata.uid));
      await run('delete', 'browsersession', ...names, '--ignore-not-found');
      const selector = `porthole.dev/session-uid in (${uids.filter(Boolean).join(',')})`;
      if (uids.some(Boolean)) await vi.waitFor(async () => expect(await pods(selector)).toEqual([]), patience);
    },
  });
}

/** What a session says of itself: `Ready=False (Queued)`. */
export function conditionOf(session: BrowserSession | undefined, type = 'Ready'): string {
  const found = session?.status?.conditions?.find((condition) => condition.type === type);
  return found ? `${type}=${found.status} (${found.reason})` : `no ${type}`;
}

import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { BrowserPool } from '../../src/api/v1alpha1/browser-pool.ts';
import type { BrowserSession } from '../../src/api/v1alpha1/browser-session.ts';
import type { NetworkPolicy, Secret } from '../../src/lib/kubernetes.ts';
import { attach } from '../support/cdp-client.ts';
import { startClusterWorld, type ClusterWorld } from '../support/cluster-world.ts';
import { conditionOf, createKubectl, sessionManifest, type Kubectl } from '../support/kubectl.ts';
import { patience } from '../support/patience.ts';

const examples = resolve(import.meta.dirname, '../../examples');

/** Kubernetes' garbage collector looks for new kinds every 30 s: so long may it not know a Secret's owner. */
const collection = { ...patience, timeout: 60_000 };

let world: ClusterWorld;
let kubectl: Kubectl;

beforeAll(async () => {
  // Without it kubectl does not know ApplySets.
  vi.stubEnv('KUBECTL_APPLYSET', 'true');
  world = await startClusterWorld({ maxConcurrentSessions: 20, maxSandboxes: 12, warm: { min: 1, max: 1 } });
  kubectl = createKubectl(world);
});
afterAll(() => world[Symbol.asyncDispose]());

const uriOf = async (secret: string): Promise<string> =>
  kubectl('get', 'secret', secret, '--output=go-template={{.data.uri | base64decode}}');

describe('a session that kubectl applies', () => {
  it('is Ready, and tells by a Secret how to attach to it', async () => {
    await kubectl('apply', '-f', join(examples, 'session.yaml'));
    await kubectl('wait', 'browsersession/example', '--for=condition=Ready', '--timeout=60s');
    const browser = await chromium.connectOverCDP(await uriOf('example-binding'));
    const page = await browser.newPage();
    await page.goto('data:text/html,<title>by kubectl</title>');
    expect(await page.title()).toBe('by kubectl');
    await browser.close();
  });

  it('names the Secret, owns it, and shows no token itself', async () => {
    const session = await kubectl.ready('example');
    const secret = await kubectl.find<Secret>('secret/example-binding');
    expect(session.status).toMatchObject({ binding: { name: 'example-binding' } });
    expect(secret).toMatchObject({
      type: 'servicebinding.io/cdp',
      metadata: { ownerReferences: [{ kind: 'BrowserSession', name: 'example', uid: session.metadata.uid }] },
    });
    expect(Object.keys(secret?.data ?? {})).toEqual(expect.arrayContaining(['type', 'provider', 'uri', 'cdpUrl']));
    expect(JSON.stringify(session)).not.toContain('token=');
  });

  it('is current in the words of kstatus', async () => {
    const { metadata, status } = await kubectl.ready('example');
    expect(status?.observedGeneration).toBe(metadata.generation);
    const wrong = (status?.conditions ?? []).filter(({ type }) => ['Reconciling', 'Stalled'].includes(type));
    expect(wrong).toEqual([]);
    for (const { lastTransitionTime } of status?.conditions ?? []) expect(Date.parse(lastTransitionTime)).not.toBeNaN();
  });

  it('has events that say what happened', async () => {
    const said = (): Promise<string> => kubectl('events', '--for=browsersession/example');
    await vi.waitFor(async () => expect(await said()).toMatch(/Normal\s+Ready/), patience);
  });

  it('takes everything along when it is deleted', async () => {
    const { status } = await kubectl.ready('example');
    await using client = await attach(await uriOf('example-binding'));
    await kubectl('delete', '-f', join(examples, 'session.yaml'));
    expect((await client.closed).code).toBe(1001);
    await vi.waitFor(async () => {
      expect(await kubectl.find(`pod/${status?.sandbox?.podName ?? ''}`)).toBeUndefined();
      expect(await kubectl.find('secret/example-binding')).toBeUndefined();
    }, collection);
  });

  it('has a spec that stays, but for the timeouts', async () => {
    await kubectl.apply(sessionManifest('fixed'));
    await kubectl.ready('fixed');
    const patch = (spec: object): Promise<string> =>
      kubectl('patch', 'browsersession/fixed', '--type=merge', `--patch=${JSON.stringify({ spec })}`);
    await expect(patch({ viewport: { width: 800, height: 600 } })).rejects.toThrow('is immutable');
    await patch({ idleTimeoutMs: 1_000 });
    expect((await kubectl.ended('fixed')).status).toMatchObject({ endReason: 'IdleTimeout' });
    await kubectl.end('fixed');
  });

  it('goes when its time after the end is over', async () => {
    await kubectl.apply(sessionManifest('brief', { idleTimeoutMs: 1_000, ttlSecondsAfterEnded: 1 }));
    await kubectl('wait', 'browsersession/brief', '--for=delete', '--timeout=60s');
    expect(await kubectl.find('secret/brief-binding')).toBeUndefined();
  });
});

describe('several who apply the same session', () => {
  const asGit = ['--server-side', '--field-manager=git'];
  const mine = sessionManifest('shared', { idleTimeoutMs: 600_000 });

  it('do not come into each other’s way, nor into the operator’s', async () => {
    await kubectl.apply(mine, ...asGit);
    const ready = await kubectl.ready('shared');
    const labels = {
      apiVersion: mine.apiVersion,
      kind: mine.kind,
      metadata: { name: 'shared', labels: { team: 'a' } },
    };
    await kubectl.apply(
      { ...labels, spec: { accountRef: mine.spec.accountRef } },
      '--server-side',
      '--field-manager=team',
    );
    await kubectl.apply(mine, ...asGit);
    const after = await kubectl.ready('shared');
    expect(after.metadata.labels).toMatchObject({ team: 'a' });
    expect(after.metadata.generation).toBe(1);
    expect(after.status).toEqual(ready.status);
  });

  it('share it by fields: the status alone is the operator’s', async () => {
    const text = await kubectl('get', 'browsersession/shared', '--output=json', '--show-managed-fields');
    const { metadata } = JSON.parse(text) as {
      metadata: { managedFields: { manager: string; subresource?: string }[] };
    };
    const owners = metadata.managedFields.map(({ manager, subresource = 'spec' }) => `${manager}: ${subresource}`);
    expect(owners.sort()).toEqual(['git: spec', 'porthole-operator: status', 'team: spec']);
  });

  it('are told when they disagree, and one of them can insist', async () => {
    const theirs = sessionManifest('shared', { idleTimeoutMs: 700_000 });
    const asTeam = ['--server-side', '--field-manager=team'];
    await expect(kubectl.apply(theirs, ...asTeam)).rejects.toThrow(/conflict with "git".*idleTimeoutMs/s);
    await kubectl.apply(theirs, ...asTeam, '--force-conflicts');
    const noted = async (): Promise<number | undefined> =>
      (await kubectl.session('shared'))?.status?.observedGeneration;
    await vi.waitFor(async () => expect(await noted()).toBe(2), patience);
    await kubectl.end('shared');
  });

  it('can be the old kubectl apply, again and again', async () => {
    await kubectl.apply(sessionManifest('again'));
    const ready = await kubectl.ready('again');
    expect(await kubectl.apply(sessionManifest('again'))).toContain('unchanged');
    expect(await kubectl.session('again')).toEqual(ready);
    await kubectl.end('again');
  });
});

describe('what is pruned', () => {
  const labels = { app: 'pruned' };
  const one = sessionManifest('one', {}, labels);
  const two = sessionManifest('two', {}, labels);

  /** Applies both, then one of them. */
  async function applyBothThenOne(...prune: readonly string[]): Promise<void> {
    await kubectl.apply([one, two], ...prune);
    const [{ metadata: kept }, { metadata: pruned }] = await Promise.all([kubectl.ready('one'), kubectl.ready('two')]);
    await kubectl.apply([one], ...prune);
    expect(await kubectl.session('two')).toBeUndefined();
    const podsOf = ({ uid }: { readonly uid: string }) => kubectl.pods(`porthole.dev/session-uid=${uid}`);
    await vi.waitFor(async () => expect(await podsOf(pruned)).toEqual([]), patience);
    expect(await podsOf(kept)).toHaveLength(1);
    await kubectl.end('one');
  }

  it('by kubectl apply --prune ends with its browser', () =>
    applyBothThenOne('--prune', '--selector=app=pruned', '--prune-allowlist=porthole.dev/v1alpha1/BrowserSession'));

  it('by an ApplySet, too', () =>
    applyBothThenOne('--prune', '--applyset=secrets/sessions', '--server-side', '--namespace=porthole'));
});

describe('what somebody changes by hand', () => {
  const podOf = ({ status }: BrowserSession): string => `pod/${status?.sandbox?.podName ?? ''}`;

  it('a deleted pod ends its session, which says so', async () => {
    await kubectl.apply(sessionManifest('robbed'));
    const session = await kubectl.ready('robbed');
    await kubectl('delete', podOf(session), '--wait=false');
    const ended = await kubectl.ended('robbed');
    expect(conditionOf(ended)).toBe('Ready=False (SandboxLost)');
    expect(ended.status?.endReason).toBe('SandboxLost');
    await kubectl.end('robbed');
  });

  it.each([
    ['taken away', 'porthole.dev/session-uid-'],
    ['given to another session', 'porthole.dev/session-uid=another'],
    ['given to another pool', 'porthole.dev/pool=another'],
  ])('a label that is %s comes back, and the session goes on', async (_name, label) => {
    await kubectl.apply(sessionManifest('relabelled'));
    const session = await kubectl.ready('relabelled');
    const labelsNow = async () =>
      (await kubectl.pods('app.kubernetes.io/component=sandbox')).map((p) => p.metadata.labels);
    const right = { 'porthole.dev/session-uid': session.metadata.uid, 'porthole.dev/pool': 'default' };
    await vi.waitFor(async () => expect(await labelsNow()).toContainEqual(expect.objectContaining(right)), patience);
    await kubectl('label', podOf(session), label, '--overwrite');
    await vi.waitFor(async () => expect(await labelsNow()).toContainEqual(expect.objectContaining(right)), patience);
    expect(conditionOf(await kubectl.session('relabelled'))).toBe('Ready=True (Ready)');
    await using client = await attach(await uriOf('relabelled-binding'));
    expect(client.isOpen).toBe(true);
    await kubectl.end('relabelled');
  });

  it('a pool that is scaled has as many warm ones, and fewer again', async () => {
    const warm = async (): Promise<number | undefined> =>
      (await kubectl.find<BrowserPool>('browserpool/default'))?.status?.warm;
    await kubectl('patch', 'browserpool/default', '--type=merge', '--patch={"spec":{"warm":{"max":3}}}');
    await kubectl('scale', 'browserpool/default', '--replicas=3');
    await vi.waitFor(async () => expect(await warm()).toBe(3), patience);
    await kubectl('scale', 'browserpool/default', '--replicas=1');
    await kubectl('patch', 'browserpool/default', '--type=merge', '--patch={"spec":{"warm":{"max":1}}}');
    await vi.waitFor(async () => expect(await warm()).toBe(1), patience);
  });

  it('a network policy that is edited or deleted is made anew', async () => {
    const name = 'networkpolicy/default-sandboxes';
    const look = (): Promise<NetworkPolicy | undefined> => kubectl.find<NetworkPolicy>(name);
    const before = await vi.waitUntil(look, patience);
    await kubectl('patch', name, '--type=merge', '--patch={"spec":{"egress":[{}]}}');
    await vi.waitFor(async () => expect((await look())?.spec).toEqual(before.spec), patience);
    await kubectl('delete', name);
    await vi.waitFor(async () => expect((await look())?.spec).toEqual(before.spec), patience);
  });
});

import type { UpstreamOrder } from '../../api/agent/wire.ts';
import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { chooseProxy } from '../../core/proxy/choose.ts';
import { buildManagedOrder, buildRawOrder, type ManagedOrder } from '../../core/proxy/order.ts';
import { wantsProxy } from '../../core/session/proxy-ready.ts';
import { secrets } from '../../kube/builtins.ts';
import type { Store } from '../../kube/store.ts';
import { createBackoff } from '../../lib/backoff.ts';
import { sleep, type Clock } from '../../lib/clock.ts';
import { SandboxError, type BindWish } from '../../sandbox/port.ts';
import type { World } from '../world.ts';

export interface UpstreamDeps {
  readonly store: Store;
  readonly world: Pick<World, 'providers'>;
  readonly clock: Clock;
}

/**
 * Whoever makes a session and its Secret cannot make both at once, and the Secret comes second: the session owns it. Longer than any
 * client should need for the two.
 */
const secretPatienceMs = 10_000;
/** The facade is a few steps behind: the first look again is soon, and is what a POST with a proxy of its own waits for. */
const backoff = createBackoff({ baseMs: 1, capMs: 250 });

const unavailable = (message: string): SandboxError => new SandboxError('capability', message);

/** Fetches what a session's sandbox is to be told of its proxy; undefined for a session without one. */
export function upstreamFor(
  deps: UpstreamDeps,
  session: BrowserSession,
): ((signal: AbortSignal) => Promise<Partial<BindWish>>) | undefined {
  if (!wantsProxy(session.spec)) return undefined;
  return async (signal) => ({ upstream: await buildUpstream(deps, session, signal) });
}

function buildUpstream(deps: UpstreamDeps, session: BrowserSession, signal: AbortSignal): Promise<UpstreamOrder> {
  const { proxyUrlSecretRef } = session.spec;
  return proxyUrlSecretRef ? buildRaw(deps, session, signal) : buildManaged(deps, session, signal);
}

async function buildRaw(
  deps: UpstreamDeps,
  { metadata: { namespace }, spec }: BrowserSession,
  signal: AbortSignal,
): Promise<UpstreamOrder> {
  const { name, key } = spec.proxyUrlSecretRef ?? { name: '', key: '' };
  const [url = ''] = await readSecret(deps, { namespace, name, keys: [key] }, signal);
  const order = buildRawOrder(url.trim());
  if (!order) throw unavailable(`Key ${key} of Secret ${name} holds no http, https, socks4 or socks5 URL.`);
  return order;
}

async function buildManaged(
  deps: UpstreamDeps,
  { metadata: { namespace, uid: sessionUid }, spec }: BrowserSession,
  signal: AbortSignal,
): Promise<UpstreamOrder> {
  const choice = chooseProxy(deps.world.providers.list(), spec.proxy ?? {});
  if (choice.kind === 'unknown') throw unavailable(`spec.proxy: ${choice.message}.`);
  const { provider, location } = choice;
  const { credentialsSecretRef: ref } = provider.spec;
  const isSticky = spec.proxy?.sticky === true;
  const credentials = ref && (await readCredentials(deps, { namespace, name: ref.name }, signal));
  return buildManagedOrder({ provider, location, isSticky, sessionUid, credentials });
}

async function readCredentials(
  deps: UpstreamDeps,
  secret: Pick<Wanted, 'namespace' | 'name'>,
  signal: AbortSignal,
): Promise<ManagedOrder['credentials']> {
  const [username = '', password = ''] = await readSecret(deps, { ...secret, keys: ['username', 'password'] }, signal);
  return { username, password };
}

interface Wanted {
  readonly namespace: string;
  readonly name: string;
  readonly keys: readonly string[];
}

/** The values of these keys. Its failures name the Secret and never what is in it. */
async function readSecret(
  { store, clock }: UpstreamDeps,
  { namespace, name, keys }: Wanted,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const untilMs = clock.monotonic() + secretPatienceMs;
  for (let attempt = 0; ; attempt += 1) {
    const secret = await store.get(secrets, { namespace, name });
    if (secret) {
      const missing = keys.find((key) => secret.data?.[key] === undefined);
      if (missing !== undefined) throw unavailable(`Secret ${name}, which the proxy needs, has no key ${missing}.`);
      return keys.map((key) => Buffer.from(secret.data?.[key] ?? '', 'base64').toString());
    }
    if (clock.monotonic() >= untilMs) throw unavailable(`Secret ${name}, which the proxy needs, does not exist.`);
    await sleep(clock, backoff(attempt), signal);
  }
}

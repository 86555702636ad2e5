import { labels } from '../api/v1alpha1/group.ts';
import { classifySandbox } from '../core/pods/classify.ts';
import { hasLeft } from '../core/session/has-left.ts';
import type { Change, WorkQueue } from '../kube/controller/port.ts';
import type { Clock } from '../lib/clock.ts';
import type { Pod } from '../lib/kubernetes.ts';
import type { BrowserAccount } from '../api/v1alpha1/browser-account.ts';
import type { BrowserSession } from '../api/v1alpha1/browser-session.ts';
import type { PoolHistories } from './pool/history.ts';
import type { SessionMemory } from './session/memory.ts';
import { isOlder } from './session/gather.ts';
import { indexes, poolNameOf, type World } from './world.ts';

export interface Queues {
  readonly sessions: WorkQueue;
  readonly pools: WorkQueue;
  readonly accounts: WorkQueue;
  /** Names are uids of sessions that need no sandbox any more. */
  readonly departures: WorkQueue;
}

export interface WiringDeps {
  readonly world: World;
  readonly memory: SessionMemory;
  readonly histories: PoolHistories;
  readonly clock: Clock;
  readonly queues: Queues;
  readonly namespace: string;
}

/** Which change makes whom look again. Handlers only add to queues; a reconciler never learns which event it was. */
export function wireEvents(deps: WiringDeps): void {
  const { world, queues } = deps;
  world.sessions.onChange((change) => sessionChanged(deps, change));
  world.onPodChange((change, owner) => podChanged(deps, change, owner));
  world.pools.onChange(({ object }) => {
    queues.pools.add(object.metadata);
    wakeNext(deps, { pool: object.metadata.name });
  });
  world.onRuntimeClass((name) => {
    for (const { metadata, spec } of world.pools.list()) {
      if (spec.template.runtimeClassName !== name) continue;
      deps.histories.retry(metadata.name);
      queues.pools.add(metadata);
    }
  });
  world.accounts.onChange((change) => accountChanged(deps, change));
  for (const pod of world.pods.list())
    podChanged(deps, { type: 'added', object: pod }, world.book.sessionOf(pod.metadata.uid));
  for (const session of world.sessions.list()) sessionChanged(deps, { type: 'added', object: session });
  for (const pool of world.pools.list()) queues.pools.add(pool.metadata);
  for (const account of world.accounts.list()) queues.accounts.add(account.metadata);
}

function sessionChanged(deps: WiringDeps, { type, object }: Change<BrowserSession>): void {
  const { queues, namespace } = deps;
  if (type === 'deleted' || hasLeft(object)) {
    queues.departures.add({ namespace, name: object.metadata.uid });
    wakeNext(deps, { account: object.spec.accountRef.name });
  }
  if (type !== 'deleted') queues.sessions.add(object.metadata);
  queues.accounts.add({ namespace, name: object.spec.accountRef.name });
}

/** Its own status changes every second; only its spec decides anything. */
function accountChanged({ world, queues }: WiringDeps, change: Change<BrowserAccount>): void {
  const { metadata } = change.object;
  queues.accounts.add(metadata);
  if (change.type === 'changed' && change.previous.metadata.generation === metadata.generation) return;
  for (const session of world.sessions.byIndex(indexes.pending, metadata.name)) queues.sessions.add(session.metadata);
}

function podChanged(deps: WiringDeps, change: Change<Pod>, owner: string | undefined): void {
  const { world, histories, clock, queues, namespace } = deps;
  const { type, object: pod } = change;
  // The label is whose word counts for one that is new or has gone; somebody may have edited it.
  const pool = world.book.poolOf(pod.metadata.uid) ?? pod.metadata.labels?.[labels.pool];
  if (!pool && !owner) return;
  if (type === 'deleted') histories.forget(pod.metadata.uid);
  else histories.observe(pod, clock.monotonic());
  tellOwner(deps, change, owner);
  if (!pool) return;
  queues.pools.add({ namespace, name: pool });
  if (type === 'deleted' || classifySandbox(pod) === 'warm') wakeNext(deps, { pool });
}

function tellOwner(
  { world, queues, namespace }: WiringDeps,
  { type, object: pod }: Change<Pod>,
  ownerUid: string | undefined,
): void {
  const owner = world.sessions.byUid(ownerUid ?? '');
  if (owner) {
    queues.sessions.add(owner.metadata);
    return;
  }
  // Labels are written for sessions that were seen: one that is not there has gone meanwhile.
  const labelled = pod.metadata.labels?.[labels.sessionUid];
  if (labelled && type !== 'deleted' && !world.sessions.byUid(labelled))
    queues.departures.add({ namespace, name: labelled });
}

/**
 * There may be a slot or room: of those who wait for both in the same account and pool, the oldest has the first word. Whoever
 * proceeds gives the next one a turn, so however many wait, few are looked at. Those who have a slot all look again.
 */
export function wakeNext(
  { world, memory, queues }: Pick<WiringDeps, 'world' | 'memory' | 'queues'>,
  where: Partial<Place>,
): void {
  const oldest = new Map<string, BrowserSession>();
  for (const uid of memory.waiting()) {
    const session = world.sessions.byUid(uid);
    if (!session || hasLeft(session)) continue;
    const place = placeOf(world, session);
    if (!isAt(place, where)) continue;
    const first = oldest.get(place.line);
    if (!first || isOlder(session, first)) oldest.set(place.line, session);
  }
  for (const session of oldest.values()) queues.sessions.add(session.metadata);
}

/** Where a session waits. */
interface Place {
  readonly account: string;
  readonly pool: string;
  /** One that has a slot stands in nobody's line. */
  readonly line: string;
}

function isAt(place: Place, { account = place.account, pool = place.pool }: Partial<Place>): boolean {
  return place.account === account && place.pool === pool;
}

function placeOf({ accounts, ledger }: World, session: BrowserSession): Place {
  const { namespace, uid } = session.metadata;
  const account = session.spec.accountRef.name;
  const pool = poolNameOf(session, accounts.get({ namespace, name: account }));
  const line = ledger.heldSince(uid) === undefined ? `${account}/${pool}` : uid;
  return { account, pool, line };
}

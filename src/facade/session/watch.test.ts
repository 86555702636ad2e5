import { describe, expect, test } from 'vitest';
import { session } from '../../../test/support/objects.ts';
import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import type { Change, Informer } from '../../kube/controller/port.ts';
import { createSessionWatch } from './watch.ts';

/** An informer that is told what to see. */
function createScriptedInformer() {
  const copy = new Map<string, BrowserSession>();
  const handlers = new Set<(change: Change<BrowserSession>) => void>();
  const tell = (change: Change<BrowserSession>): void => {
    if (change.type === 'deleted') copy.delete(change.object.metadata.uid);
    else copy.set(change.object.metadata.uid, change.object);
    for (const handler of handlers) handler(change);
  };
  const informer: Pick<Informer<BrowserSession>, 'byUid' | 'onChange'> = {
    byUid: (uid) => copy.get(uid),
    onChange: (handler) => {
      handlers.add(handler);
      return { [Symbol.dispose]: () => void handlers.delete(handler) };
    },
  };
  return { informer, tell, handlers };
}

const pending = session({}, { phase: 'Pending' }, { uid: 'u1' });
const ready = session({}, { phase: 'Ready' }, { uid: 'u1' });
const isReady = ({ status }: BrowserSession): boolean => status?.phase === 'Ready';
const patient = new AbortController().signal;
const soon = async <T>(promise: Promise<T>): Promise<T | 'waits'> =>
  Promise.race([promise, new Promise<'waits'>((resolve) => setImmediate(() => resolve('waits')))]);

function open() {
  const scripted = createScriptedInformer();
  const watch = createSessionWatch(scripted.informer);
  return { ...scripted, watch, followed: watch.follow('s') };
}

describe('waiting for a session', () => {
  test('ends when it becomes as wanted', async () => {
    const { tell, followed } = open();
    const wait = followed.wait('u1', isReady, patient);
    tell({ type: 'added', object: pending });
    expect(await soon(wait)).toBe('waits');
    tell({ type: 'changed', object: ready, previous: pending });
    expect(await soon(wait)).toEqual({ kind: 'seen', session: ready });
  });

  test('ends at once when it already is', async () => {
    const { tell, followed } = open();
    tell({ type: 'added', object: ready });
    expect(await soon(followed.wait('u1', isReady, patient))).toEqual({ kind: 'seen', session: ready });
  });

  test('misses no deletion, though it came before the wait', async () => {
    const { tell, followed } = open();
    tell({ type: 'added', object: pending });
    tell({ type: 'deleted', object: pending });
    expect(await soon(followed.wait('u1', isReady, patient))).toEqual({ kind: 'gone' });
  });

  test('is not disturbed by another object of the same name', async () => {
    const { tell, followed } = open();
    const other = session({}, { phase: 'Ready' }, { uid: 'u0' });
    tell({ type: 'added', object: other });
    const wait = followed.wait('u1', isReady, patient);
    tell({ type: 'deleted', object: other });
    expect(await soon(wait)).toBe('waits');
  });

  test('ends with the signal, also one that has fired before', async () => {
    const { followed } = open();
    const stop = new AbortController();
    const wait = followed.wait('u1', isReady, stop.signal);
    stop.abort();
    expect(await soon(wait)).toEqual({ kind: 'aborted' });
    expect(await soon(followed.wait('u1', isReady, stop.signal))).toEqual({ kind: 'aborted' });
  });

  test('costs one handler, however many wait, and none after the end', () => {
    const { watch, handlers } = open();
    for (let i = 0; i < 100; i += 1) watch.follow(`s${i}`);
    expect(handlers.size).toBe(1);
    watch[Symbol.dispose]();
    expect(handlers.size).toBe(0);
  });
});

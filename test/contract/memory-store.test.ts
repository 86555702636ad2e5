import { randomUUID } from 'node:crypto';
import { createMemoryStore } from '../../src/kube/memory/memory-store.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { storeContract, type StoreUnderTest } from './store.ts';

const noManagers = 'the memory store keeps no record of who owns a field: its apply merges';

const skip = {
  'refuses fields of another manager when it may not take them over': noManagers,
  'removes what the same manager has applied before and leaves out now': noManagers,
};

const makeStore = (): Promise<StoreUnderTest> => {
  const store = createMemoryStore({ clock: systemClock });
  return Promise.resolve({
    store,
    newNamespace: () => Promise.resolve(`test-${randomUUID()}`),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  });
};

storeContract('the memory store', makeStore, { skip });

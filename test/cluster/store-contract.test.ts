import { randomUUID } from 'node:crypto';
import { createApiServerStore } from '../../src/kube/apiserver/api-server-store.ts';
import { loadKubeAccess } from '../../src/kube/apiserver/access.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { storeContract, type StoreUnderTest } from '../contract/store.ts';
import { startTestControlPlane } from '../support/control-plane.ts';
import { silentLogger } from '../support/fakes.ts';

/** With controllers: who collects the garbage is one of them. */
async function makeStore(): Promise<StoreUnderTest> {
  const plane = await startTestControlPlane({ controllers: true });
  try {
    await plane.applyCrds();
    // It learns of new kinds every 30 s, and when it starts.
    await plane.process('kube-controller-manager').kill();
    plane.process('kube-controller-manager').start();
  } catch (error) {
    await plane[Symbol.asyncDispose]();
    throw error;
  }
  const access = loadKubeAccess({ kubeconfig: plane.kubeconfig });
  const store = createApiServerStore({ access, fieldManager: 'tester', clock: systemClock, logger: silentLogger });
  return {
    store,
    newNamespace: async () => {
      const name = `test-${randomUUID()}`;
      await plane.kubectl(['create', 'namespace', name]);
      await plane.kubectl(['wait', '--for=create', '--timeout=60s', '--namespace', name, 'serviceaccount/default']);
      return name;
    },
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await plane[Symbol.asyncDispose]();
    },
  };
}

storeContract('the store over an API server', makeStore);

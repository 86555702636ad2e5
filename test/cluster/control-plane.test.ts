import { describe, expect, it } from 'vitest';
import { startTestControlPlane } from '../support/control-plane.ts';

const podOf = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { containers: [{ name: 'a', image: 'a' }] },
});

const podsPath = '/api/v1/namespaces/default/pods';

describe('a control plane of real programs', () => {
  it('serves, knows who asks, and logs it', async () => {
    const users = [{ name: 'system:node:one', groups: ['system:nodes'] }];
    await using plane = await startTestControlPlane({ audit: true, users });
    await plane.applyCrds();
    expect(await plane.kubectl(['get', 'browsersessions,browserpools', '--all-namespaces'])).toBe('');
    await plane.kubectl(['create', '-f', '-'], JSON.stringify(podOf('p')));
    const asNode = ['--kubeconfig', plane.kubeconfigFor('system:node:one')];
    expect(await plane.kubectl(['auth', 'whoami', '-o', 'name', ...asNode])).toContain('selfsubjectreview');
    await expect(plane.kubectl(['delete', 'pod', 'p', ...asNode])).rejects.toThrow('Forbidden');

    const refused = (await plane.audit()).find((event) => event.verb === 'delete' && event.objectRef?.name === 'p');
    expect(refused).toMatchObject({ user: { username: 'system:node:one' }, responseStatus: { code: 403 } });
  });

  it('comes back on its port with its objects when the API server and etcd were killed', async () => {
    await using plane = await startTestControlPlane();
    await plane.call({ method: 'POST', path: podsPath, body: podOf('kept') });
    await plane.process('kube-apiserver').kill();
    await expect(plane.call({ path: '/readyz' })).rejects.toThrow('ECONNREFUSED');
    await plane.process('etcd').kill();
    plane.process('etcd').start();
    plane.process('kube-apiserver').start();
    await plane.ready();
    expect((await plane.call({ path: `${podsPath}/kept` })).status).toBe(200);
  });

  it('stands still when it is told to, and goes on', async () => {
    await using plane = await startTestControlPlane();
    plane.process('kube-apiserver').pause();
    await expect(plane.call({ path: '/readyz', timeoutMs: 300 })).rejects.toThrow('aborted');
    plane.process('kube-apiserver').resume();
    expect((await plane.call({ path: '/readyz' })).status).toBe(200);
  });

  it('schedules and collects with its controllers, and tokens of ServiceAccounts are good for what RBAC grants', async () => {
    await using plane = await startTestControlPlane({ controllers: true });
    await plane.kubectl(['create', 'namespace', 'room']);
    await plane.kubectl(['create', 'serviceaccount', 'guest', '--namespace=room']);
    const kubeconfig = await plane.serviceAccountKubeconfig('room', 'guest');
    await expect(plane.kubectl(['get', 'pods', '--kubeconfig', kubeconfig])).rejects.toThrow('Forbidden');
    await plane.kubectl(['create', 'rolebinding', 'r', '-n=room', '--clusterrole=view', '--serviceaccount=room:guest']);
    expect(await plane.kubectl(['get', 'pods', '-o=name', '--kubeconfig', kubeconfig])).toBe('');
    await plane.kubectl(['delete', 'namespace', 'room', '--timeout=60s']);
  });
});

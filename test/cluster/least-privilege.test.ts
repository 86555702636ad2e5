import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { BrowserSession } from '../../src/api/v1alpha1/browser-session.ts';
import { apiVersion } from '../../src/api/v1alpha1/group.ts';
import type { Lease } from '../../src/lib/kubernetes.ts';
import { startAuditedCluster, type AuditedCluster, type Findings } from '../support/audited-cluster.ts';
import { attach, refusalOf } from '../support/cdp-client.ts';
import { conditionOf, createKubectl, sessionManifest, type Kubectl } from '../support/kubectl.ts';
import { buildZip, manifestOf } from '../support/packed-extension.ts';
import { patience } from '../support/patience.ts';
import { openRfb } from '../support/rfb-client.ts';

/**
 * Operator, facade and gateway run as the ServiceAccounts of the chart, with its Roles and nothing else. Then all that Porthole does in
 * ordinary and less ordinary days is done once, and the log of the API server is compared with the Roles. A step that does not do what it
 * says fails by itself: else its rights would look unneeded.
 */
let cluster: AuditedCluster;
let kubectl: Kubectl;
let findings: Findings;

const extensionsPath = '/api/v1/browser/extensions';
const sessionsPath = '/api/v1/browser/sessions';

beforeAll(async () => {
  cluster = await startAuditedCluster(['--max-concurrent-sessions=3', '--warm-min=1', '--warm-max=1']);
  kubectl = createKubectl(cluster);
  try {
    await useRest();
    await useKubectl();
    await spoil();
    await configure();
    await changeLeaders();
  } finally {
    findings = await cluster.end();
  }
}, 600_000);

const podOf = ({ status }: BrowserSession): string => status?.sandbox?.podName ?? '';
const uriOf = (name: string): Promise<string> =>
  kubectl('get', 'secret', `${name}-binding`, '--output=go-template={{.data.uri | base64decode}}');
const becomes = (name: string, condition: string): Promise<void> =>
  vi.waitFor(async () => expect(conditionOf(await kubectl.session(name))).toBe(condition), patience);

async function useRest(): Promise<void> {
  const { api } = cluster;
  const { id, cdpUrl } = await api.create();
  await using client = await attach(cdpUrl);
  await client.call('Browser.getVersion');
  await api.read(id);
  await api.list();
  expect((await api.call('POST', `${sessionsPath}/${id}/keep-alive`)).status).toBe(200);
  expect((await api.call('POST', `${sessionsPath}/${id}/recording/start`)).status).toBe(200);
  expect((await api.call('POST', `${sessionsPath}/${id}/recording/stop`)).status).toBe(200);
  expect(await api.statusOf(randomUUID())).toBe(404);
  expect(await refusalOf(`${cluster.gatewayUrl.replace('http', 'ws')}/sessions/${randomUUID()}`, bearer())).toBe(404);
  await retry(id);
  // Its URL goes into a Secret, which the operator reads.
  await api.end((await api.create({ proxyUrl: 'http://user:password@127.0.0.1:9' })).id);
  await api.end(id);
  await useExtensions();
}

/** Uploaded twice, looked at, loaded, deleted. */
async function useExtensions(): Promise<void> {
  const { api } = cluster;
  const file = buildZip([manifestOf()]).toString('base64');
  const upload = () => api.call('POST', extensionsPath, { file }, { headers: { 'idempotency-key': 'upload' } });
  const { id } = (await upload()).json() as { id: string };
  expect((await upload()).status).toBe(201);
  await api.end((await api.create({ extensions: [id] })).id);
  expect((await api.call('GET', extensionsPath)).status).toBe(200);
  expect((await api.call('GET', `${extensionsPath}/${id}`)).status).toBe(200);
  expect((await api.call('DELETE', `${extensionsPath}/${id}`)).status).toBe(204);
}

const bearer = (): Record<string, string> => ({ authorization: `Bearer ${cluster.api.apiKey}` });

/** The same request again: while it is under way, after it was answered, and after it was refused. */
async function retry(kept: string): Promise<void> {
  const { api } = cluster;
  const post = (key: string) => api.call('POST', sessionsPath, {}, { headers: { 'idempotency-key': key } });
  // Both find no warm sandbox, and so meet.
  await api.create();
  const answers = await Promise.all([post('twice'), post('twice')]);
  const [first, second] = answers.map((answer) => answer.session().id);
  expect(first).toBe(second);
  expect((await post('twice')).session().id).toBe(first);
  // The account is full: the key is forgotten, and the refusals are told as one event that has happened again.
  expect((await post('refused')).problem().code).toBe('concurrency_limit_reached');
  expect((await post('refused')).problem().code).toBe('concurrency_limit_reached');
  for (const session of await api.list()) if (session.id !== kept) await api.end(session.id);
}

async function useKubectl(): Promise<void> {
  await kubectl.apply(['a', 'b', 'c'].map((name) => sessionManifest(name)));
  await Promise.all(['a', 'b', 'c'].map((name) => kubectl.ready(name)));
  await kubectl.apply([sessionManifest('queued'), sessionManifest('proud', { onQuotaExceeded: 'Reject' })]);
  await becomes('queued', 'Ready=False (Queued)');
  await kubectl.ended('proud');
  await kubectl.end('a');
  await kubectl.ready('queued');
  await lookOn('queued');
  await kubectl.end('b', 'c', 'queued', 'proud');
  await kubectl.apply(sessionManifest('idle', { idleTimeoutMs: 1_000, ttlSecondsAfterEnded: 1 }));
  await kubectl('wait', 'browsersession/idle', '--for=delete', '--timeout=60s');
  await attachTooEarly();
}

/** Somebody looks at a session's screen, and goes. Needs a display: Debian's tigervnc-standalone-server. */
async function lookOn(name: string): Promise<void> {
  const { uid } = (await kubectl.session(name))?.metadata ?? {};
  const answer = await cluster.api.call('GET', `${sessionsPath}/${uid ?? ''}/live-view?readOnly=true`);
  const viewersBecome = (count: number): Promise<void> =>
    vi.waitFor(
      async () => expect((await kubectl.session(name))?.status?.liveView).toEqual({ viewers: count }),
      patience,
    );
  const viewer = await openRfb((answer.json() as { url: string }).url);
  await viewersBecome(1);
  await viewer[Symbol.asyncDispose]();
  await viewersBecome(0);
}

/** A client that is faster than the gateway's watch. */
async function attachTooEarly(): Promise<void> {
  await kubectl('scale', 'browserpool/default', '--replicas=0');
  await kubectl('patch', 'browserpool/default', '--type=merge', '--patch={"spec":{"warm":{"max":0}}}');
  await vi.waitFor(async () => expect(await kubectl.pods()).toEqual([]), patience);
  await kubectl.apply(sessionManifest('cold'));
  await becomes('cold', 'Ready=False (SandboxStarting)');
  const { uid } = (await kubectl.session('cold'))?.metadata ?? {};
  const url = `${cluster.gatewayUrl.replace('http', 'ws')}/sessions/${uid ?? ''}`;
  const early = attach(url, bearer()).then((client) => client[Symbol.asyncDispose]());
  await Promise.allSettled([early]);
  await kubectl.ready('cold');
  await kubectl.end('cold');
  await kubectl('patch', 'browserpool/default', '--type=merge', '--patch={"spec":{"warm":{"max":1,"min":1}}}');
}

/** A browser that crashes, a pod that is deleted, a label that is edited, a status that names another pod. */
async function spoil(): Promise<void> {
  await kubectl.apply(['crashed', 'robbed', 'edited'].map((name) => sessionManifest(name)));
  await kubectl.ready('crashed');
  const client = await attach(await uriOf('crashed'));
  client.call('Browser.crash').catch(() => undefined);
  expect((await kubectl.ended('crashed')).status?.endReason).toBe('BrowserCrashed');

  await kubectl('delete', 'pod', podOf(await kubectl.ready('robbed')), '--wait=false');
  expect((await kubectl.ended('robbed')).status?.endReason).toBe('SandboxLost');

  const edited = await kubectl.ready('edited');
  const label = `porthole.dev/session-uid=${edited.metadata.uid}`;
  await vi.waitFor(async () => expect(await kubectl.pods(label)).toHaveLength(1), patience);
  await kubectl('label', 'pod', podOf(edited), 'porthole.dev/session-uid-');
  await vi.waitFor(async () => expect(await kubectl.pods(label)).toHaveLength(1), patience);

  // The operator would put it right at once.
  const uri = await uriOf('edited');
  process.kill(cluster.pidOf('operator'), 'SIGSTOP');
  const elsewhere = JSON.stringify({ status: { sandbox: { podName: 'nowhere' } } });
  await kubectl('patch', 'browsersession/edited', '--subresource=status', '--type=merge', `--patch=${elsewhere}`);
  await vi.waitFor(async () => expect(await refusalOf(uri)).toBeGreaterThanOrEqual(400), patience);
  process.kill(cluster.pidOf('operator'), 'SIGCONT');
  await kubectl.end('crashed', 'robbed', 'edited');
}

async function configure(): Promise<void> {
  const templateHash = async (): Promise<unknown> =>
    (await kubectl.pods()).map(({ metadata }) => metadata.labels?.['porthole.dev/template-hash']);
  const before = await vi.waitUntil(async () => {
    const hashes = await templateHash();
    return (hashes as unknown[]).length === 1 && hashes;
  }, patience);
  const patch = JSON.stringify({ spec: { template: { egress: { allow: ['10.9.8.0/24'] } } } });
  await kubectl('patch', 'browserpool/default', '--type=merge', `--patch=${patch}`);
  await vi.waitFor(async () => {
    expect(await templateHash()).not.toEqual(before);
    expect(await kubectl('get', 'networkpolicy/default-sandboxes', '-o=yaml')).toContain('10.9.8.0/24');
  }, patience);

  const metadata = { name: 'thing' };
  const provider = { apiVersion, kind: 'ProxyProvider', metadata, spec: { locations: { de: 'http://p.example.com' } } };
  const facts = { name: 'x', version: '1', sha256: 'a'.repeat(64), size: 1 };
  const extension = {
    apiVersion,
    kind: 'BrowserExtension',
    metadata,
    spec: { accountRef: { name: 'default' }, ...facts },
  };
  await kubectl.apply([provider, extension]);
  await kubectl('wait', 'proxyprovider/thing', '--for=condition=Ready', '--timeout=60s');
  // Nobody has uploaded the bytes that it names.
  await kubectl('wait', 'browserextension/thing', '--for=condition=Ready=false', '--timeout=60s');
}

const holder = async (): Promise<string | undefined> => {
  const text = await kubectl('get', 'lease/porthole-operator', '--namespace=porthole-system', '--output=json');
  return (JSON.parse(text) as Lease).spec.holderIdentity;
};

/** One leader hands over, the other is killed; what happens in between the next one finds out. */
async function changeLeaders(): Promise<void> {
  const before = await holder();
  process.kill(cluster.pidOf('operator'), 'SIGTERM');
  await vi.waitFor(async () => expect(['', before]).not.toContain((await holder()) ?? ''), patience);
  await kubectl.apply(sessionManifest('after'));
  const pod = podOf(await kubectl.ready('after'));
  const operator = cluster.pidOf('operator');
  process.kill(operator, 'SIGSTOP');
  await kubectl('delete', 'pod', pod, '--force', '--grace-period=0');
  process.kill(operator, 'SIGKILL');
  expect((await kubectl.ended('after')).status?.endReason).toBe('SandboxLost');
}

describe.each(['operator', 'facade', 'gateway'] as const)('the %s', (component) => {
  it('uses every right that it has', () => {
    const unused = [...findings.granted[component]].filter((grant) => !findings.used[component].has(grant));
    expect(unused.sort()).toEqual([]);
  });

  it('has every right that it uses', () => {
    const missing = [...findings.used[component]].filter((grant) => !findings.granted[component].has(grant));
    expect(missing.sort()).toEqual([]);
    expect(findings.refused).toEqual([]);
  });
});

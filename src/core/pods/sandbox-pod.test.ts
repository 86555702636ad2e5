import { describe, expect, it } from 'vitest';
import { formatYaml, type Json } from '../../../hack/generate/yaml.ts';
import { pool, session } from '../../../test/support/objects.ts';
import { buildSandboxPod, type SandboxPodInput } from './sandbox-pod.ts';

const input = (over: Partial<SandboxPodInput> = {}): SandboxPodInput => ({
  name: 'default-abc',
  pool: pool(),
  templateHash: '0123456789abcdef',
  runtimeHandler: 'kata',
  settings: { ticketKey: 'public-key', egressDenyPorts: [], systemNamespace: 'porthole-system' },
  activeDeadlineSeconds: 3_600,
  ...over,
});
const withTemplate = (template: object): Partial<SandboxPodInput> => ({ pool: pool({ template }) });

/** A file beside this one for each: what a reviewer of a change to the builder wants to see. */
const golden: readonly (readonly [file: string, over: Partial<SandboxPodInput>])[] = [
  ['warm', {}],
  ['cold', { name: 'default-uid-s', session: session() }],
  ['runtime-class-of-the-cluster', withTemplate({ runtimeClassName: '' })],
  ['runtime-class-gvisor', { ...withTemplate({ runtimeClassName: 'gvisor' }), runtimeHandler: 'runsc' }],
  ['runtime-class-runc', { ...withTemplate({ runtimeClassName: 'plain' }), runtimeHandler: 'runc' }],
  ['runtime-class-unknown', { ...withTemplate({ runtimeClassName: 'nowhere' }), runtimeHandler: undefined }],
  ['host-users', withTemplate({ hostUsers: false })],
  ['requirements', withTemplate({ requirements: { isolation: 'SeparateKernel', browserSandbox: true } })],
  [
    'image',
    withTemplate({
      image: 'example.com/sandbox:1',
      imagePullPolicy: 'Always',
      imagePullSecrets: [{ name: 'registry' }],
    }),
  ],
  ['resources', withTemplate({ resources: { requests: { cpu: '1' }, limits: {} } })],
  ['storage', withTemplate({ storage: { work: '10Gi', sharedMemory: '512Mi' } })],
  [
    'placement',
    withTemplate({
      nodeSelector: { 'example.com/sandboxes': 'yes' },
      tolerations: [{ key: 'sandboxes', operator: 'Exists', effect: 'NoSchedule' }],
      priorityClassName: 'browsers',
    }),
  ],
  ['seccomp', withTemplate({ seccompProfile: { type: 'Localhost', localhostProfile: 'profiles/chromium.json' } })],
  ['display', withTemplate({ display: 'headless' })],
  ['egress', withTemplate({ egress: { allow: ['10.0.0.0/8', 'fd00::/8'] } })],
  ['startup-deadline', withTemplate({ startupDeadlineMs: 90_500 })],
  ['deny-ports', { settings: { ticketKey: 'public-key', egressDenyPorts: [8080, 9090], systemNamespace: 'x' } }],
];

describe('the pod of a sandbox', () => {
  it.each(golden)('is, in the case of %s, as it was written down', async (file, over) => {
    const text = formatYaml(buildSandboxPod(input(over)) as unknown as Json);
    await expect(text).toMatchFileSnapshot(`golden/sandbox-pod-${file}.yaml`);
  });

  it('differs for every knob', () => {
    const specs = golden.map(([, over]) => JSON.stringify(buildSandboxPod(input(over))));
    expect(new Set(specs).size).toBe(golden.length);
  });

  it('belongs to its pool as long as it is warm, and to its session from then on', () => {
    const owners = (over: Partial<SandboxPodInput>) =>
      buildSandboxPod(input(over)).metadata.ownerReferences?.map(({ kind, uid }) => `${kind} ${uid}`);
    expect(owners({})).toEqual(['BrowserPool uid-default']);
    expect(owners({ session: session() })).toEqual(['BrowserSession uid-s']);
  });
});

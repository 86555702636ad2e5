import { describe, expect, it } from 'vitest';
import { formatHelp, formatProcessTables } from './help.ts';
import type { Knob } from './knob.ts';
import {
  parseFacadeConfig,
  parseGatewayConfig,
  parseNodeConfig,
  parseOperatorConfig,
  type Surroundings,
} from './parse-process-config.ts';
import type { Parsed } from './read-knobs.ts';
import { roles, type Role } from './roles.ts';

const parsers: Readonly<Record<Exclude<Role, 'embedded' | 'cluster'>, (around: Surroundings) => Parsed<object>>> = {
  operator: parseOperatorConfig,
  facade: parseFacadeConfig,
  gateway: parseGatewayConfig,
  node: parseNodeConfig,
};
type ProcessRole = keyof typeof parsers;
const processRoles = Object.keys(parsers) as ProcessRole[];

const around = (env: Record<string, string> = {}, more: Partial<Surroundings> = {}): Surroundings => ({
  argv: [],
  env: { HOME: '/home/ada', ...env },
  ownNamespace: undefined,
  hostName: 'box',
  ...more,
});

const configOf = (role: ProcessRole, given: Surroundings): object => {
  const answer = parsers[role](given);
  if (!answer.ok) throw new Error(answer.problems.join('\n'));
  return answer.config;
};
const problemsOf = (role: ProcessRole, env: Record<string, string>): readonly string[] => {
  const answer = parsers[role](around(env));
  return answer.ok ? [] : answer.problems;
};

const common = { namespace: 'porthole', host: '127.0.0.1', metricsPort: 9090, logLevel: 'info' };
const system = { systemNamespace: 'porthole-system' };
const blobs = { s3Region: 'us-east-1' };
const urls = { publicCdpUrl: 'ws://127.0.0.1:8081', publicLiveUrl: 'http://127.0.0.1:8081/live' };

describe('each process', () => {
  it.each<[ProcessRole, object]>([
    ['operator', { ...system, ...urls, ...blobs, egressDenyPorts: [] }],
    ['facade', { ...system, ...urls, ...blobs, apiPort: 8080, createDeadlineMs: 35_000, refusePeers: [] }],
    [
      'gateway',
      {
        ...system,
        publicCdpUrl: urls.publicCdpUrl,
        gatewayPort: 8081,
        frameAncestors: [],
        drainMs: 600_000,
        refusePeers: [],
      },
    ],
    ['node', { nodeName: 'porthole-box', dataDir: '/home/ada/.local/share/porthole-node' }],
  ])('%s has a default for everything', (role, own) => {
    expect(configOf(role, around())).toEqual({ ...common, ...own });
  });

  it.each(processRoles)('%s may be given the environment of all others', (role) => {
    const env = {
      PORTHOLE_API_PORT: '1',
      PORTHOLE_GATEWAY_PORT: '2',
      PORTHOLE_EGRESS_DENY_PORTS: '1,2',
      PORTHOLE_NODE_NAME: 'n',
      PORTHOLE_SYSTEM_NAMESPACE: 's',
    };
    expect(problemsOf(role, env)).toEqual([]);
  });

  it.each(processRoles)('%s refuses what is a setting of embedded mode alone', (role) => {
    expect(problemsOf(role, { PORTHOLE_WARM_MIN: '1' })).toEqual([
      `PORTHOLE_WARM_MIN is no setting of ${role}, but of embedded, cluster; take it away.`,
    ]);
  });

  it.each(processRoles)('%s refuses the variables of a Service, which Kubernetes puts into Pods', (role) => {
    const [problem = ''] = problemsOf(role, { PORTHOLE_FACADE_SERVICE_HOST: '10.0.0.7' });
    expect(problem).toMatch(/^PORTHOLE_FACADE_SERVICE_HOST is unknown; /);
  });

  it.each(processRoles)('%s has no flag of another one', (role) => {
    const theirs = processRoles
      .flatMap((other) => Object.values(roles[other].knobs))
      .filter(({ flag }) => Object.values(roles[role].knobs).every((own) => own.flag !== flag));
    expect(theirs.length).toBeGreaterThan(0);
    for (const { flag } of theirs) expect(parsers[role](around({}, { argv: [flag, '1'] })).ok).toBe(false);
  });
});

describe('a setting', () => {
  it.each<[ProcessRole, Record<string, string>, object]>([
    ['operator', { KUBECONFIG: '/a:/b' }, { kubeconfig: '/a:/b' }],
    ['operator', { PORTHOLE_EGRESS_DENY_PORTS: '6443, 8080' }, { egressDenyPorts: [6443, 8080] }],
    ['operator', { PORTHOLE_PUBLIC_CDP_URL: 'wss://cdp.example.com' }, { publicCdpUrl: 'wss://cdp.example.com' }],
    ['facade', { PORTHOLE_REFUSE_PEERS: '127.77.0.0/16' }, { refusePeers: ['127.77.0.0/16'] }],
    ['gateway', { PORTHOLE_DRAIN_MS: '0' }, { drainMs: 0 }],
    ['node', { XDG_DATA_HOME: '/data' }, { dataDir: '/data/porthole-node' }],
    ['node', { PORTHOLE_NODE_NAME: 'node-1.example' }, { nodeName: 'node-1.example' }],
  ])('of %s is taken from %j', (role, env, expected) => {
    expect(configOf(role, around(env))).toMatchObject(expected);
  });

  it.each<[ProcessRole, string, string]>([
    ['operator', 'PORTHOLE_NAMESPACE', 'Porthole'],
    ['operator', 'PORTHOLE_NAMESPACE', ''],
    ['operator', 'PORTHOLE_SYSTEM_NAMESPACE', '-x'],
    ['operator', 'PORTHOLE_EGRESS_DENY_PORTS', '0'],
    ['operator', 'PORTHOLE_EGRESS_DENY_PORTS', '65536'],
    ['operator', 'PORTHOLE_EGRESS_DENY_PORTS', '1;2'],
    ['operator', 'PORTHOLE_PUBLIC_CDP_URL', 'http://a'],
    ['operator', 'PORTHOLE_PUBLIC_CDP_URL', 'ws://user:word@a'],
    ['operator', 'PORTHOLE_PUBLIC_LIVE_URL', 'example.com/live'],
    ['facade', 'PORTHOLE_PUBLIC_LIVE_URL', 'http://a/?b=c'],
    ['facade', 'PORTHOLE_CREATE_DEADLINE_MS', '10'],
    ['facade', 'PORTHOLE_REFUSE_PEERS', '10.0.0.0/33'],
    ['gateway', 'PORTHOLE_GATEWAY_PORT', 'tcp://10.0.0.7:8081'],
    ['gateway', 'PORTHOLE_DRAIN_MS', '10m'],
    ['node', 'PORTHOLE_NODE_NAME', 'Node_1'],
    ['node', 'PORTHOLE_DATA_DIR', '~/x'],
  ])('of %s: %s="%s" is refused with its name, the value and what is allowed', (role, name, text) => {
    const knob = Object.values(roles[role].knobs).find((known) => known.name === name);
    expect(problemsOf(role, { [name]: text })).toEqual([
      `${name}: ${JSON.stringify(text)} is not allowed; give ${knob?.allowed ?? '-'}.`,
    ]);
  });

  it('that is misspelt is told from the right one', () => {
    expect(problemsOf('operator', { PORTHOLE_NAMSPACE: 'x' })).toEqual([
      'PORTHOLE_NAMSPACE is unknown; did you mean PORTHOLE_NAMESPACE?',
    ]);
  });
});

it('the system namespace is that of the Pod, unless said otherwise', () => {
  const inPod = around({}, { ownNamespace: 'here' });
  expect(configOf('facade', inPod)).toMatchObject({ systemNamespace: 'here' });
  const told = around({ PORTHOLE_SYSTEM_NAMESPACE: 'there' }, { ownNamespace: 'here' });
  expect(configOf('facade', told)).toMatchObject({ systemNamespace: 'there' });
});

it.each([
  ['Box.Example_1', 'porthole-box-example-1'],
  ['', 'porthole'],
  ['x'.repeat(80), `porthole-${'x'.repeat(54)}`],
  [`${'x'.repeat(53)}.y`, `porthole-${'x'.repeat(53)}`],
])('on host "%s" the node is called %s', (hostName, nodeName) => {
  expect(configOf('node', around({}, { hostName }))).toMatchObject({ nodeName });
});

describe('help', () => {
  it.each(Object.keys(roles) as Role[])('of %s lists every setting with flag, default and what is allowed', (role) => {
    const help = formatHelp(role);
    for (const knob of Object.values<Knob>(roles[role].knobs))
      for (const text of [knob.flag, knob.name, knob.meaning, knob.allowed, knob.preset ?? knob.otherwise ?? '-'])
        expect(help).toContain(text);
  });

  it('in the docs has each setting of each process, the shared ones once', () => {
    const docs = formatProcessTables();
    const knobs = processRoles.flatMap((role) => Object.values<Knob>(roles[role].knobs));
    for (const { name } of knobs) expect(docs).toContain(`\`${name}\``);
    expect(docs.split('`KUBECONFIG`')).toHaveLength(2);
  });
});

import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { startCluster, type Cluster } from '../../hack/cluster/launch.ts';
import { createTools, type Tools } from '../../hack/cluster/tools.ts';
import { parseClusterConfig } from '../../src/cmd/config/parse-cluster-config.ts';
import { findBrowserOnPath } from '../../src/cmd/parts/find-browser.ts';
import { createApiClient, type ApiClient } from './api-client.ts';
import { systemNamespace, type RoleRule } from './chart.ts';
import { findBinaries, readAuditLog, type AuditEvent } from './control-plane.ts';

const components = ['operator', 'facade', 'gateway'] as const;
export type Component = (typeof components)[number];

/** What `npm run cluster` starts, with a log of who asked the API server for what. */
export interface AuditedCluster {
  readonly api: ApiClient;
  readonly gatewayUrl: string;
  /** As the administrator. */
  readonly kubectl: Tools['kubectl'];
  pidOf(name: string): number;
  /** Ends everything, and gives what there is to know. */
  end(): Promise<Findings>;
}

/** What a component may do, or has done: `list pods in porthole`; without a namespace, in all of the cluster. */
export type Grant = `${string} ${string} in ${string}`;

export interface Findings {
  /** By the Roles and ClusterRoles of the chart, as they are in the cluster. */
  readonly granted: Readonly<Record<Component, ReadonlySet<Grant>>>;
  /** By the audit log; what was refused included. */
  readonly used: Readonly<Record<Component, ReadonlySet<Grant>>>;
  /** One line a call that was refused for want of a right. */
  readonly refused: readonly string[];
}

const rolesShape = z.object({
  items: z.array(
    z.object({
      // A ClusterRole has no namespace.
      metadata: z.object({ namespace: z.string().default(''), labels: z.record(z.string(), z.string()) }),
      rules: z.array(
        z.object({ apiGroups: z.array(z.string()), resources: z.array(z.string()), verbs: z.array(z.string()) }),
      ),
    }),
  ),
});

type Roles = z.infer<typeof rolesShape>['items'];

const ofEach = <T>(make: (component: Component) => T): Record<Component, T> => ({
  operator: make('operator'),
  facade: make('facade'),
  gateway: make('gateway'),
});

const grantOf = (verb: string, group: string, resource: string, namespace: string): Grant =>
  `${verb} ${resource}${group && `.${group}`} in ${namespace}`;

function grantsOf({ apiGroups, resources, verbs }: RoleRule, namespace: string): Grant[] {
  return apiGroups.flatMap((group) =>
    resources.flatMap((resource) => verbs.map((verb) => grantOf(verb, group, resource, namespace))),
  );
}

function grantedTo(roles: Roles, component: Component): Set<Grant> {
  const own = roles.filter(({ metadata }) => metadata.labels['app.kubernetes.io/component'] === component);
  return new Set(own.flatMap(({ metadata, rules }) => rules.flatMap((rule) => grantsOf(rule, metadata.namespace))));
}

const isBy =
  (component: Component) =>
  ({ user }: AuditEvent): boolean =>
    user.username === `system:serviceaccount:${systemNamespace}:porthole-${component}`;

/** A patch that has made its object needed two rights. */
function usedBy({ verb, objectRef, responseStatus }: AuditEvent): Grant[] {
  if (!objectRef) return [];
  const { apiGroup = '', resource = '', subresource, namespace = '' } = objectRef;
  const verbs = verb === 'patch' && responseStatus?.code === 201 ? ['patch', 'create'] : [verb];
  return verbs.map((v) => grantOf(v, apiGroup, subresource ? `${resource}/${subresource}` : resource, namespace));
}

function toFindings(roles: Roles, events: readonly AuditEvent[]): Findings {
  const ours = events.filter((event) => components.some((component) => isBy(component)(event)));
  const refused = ours.filter(({ responseStatus }) => [401, 403].includes(responseStatus?.code ?? 0));
  return {
    granted: ofEach((component) => grantedTo(roles, component)),
    used: ofEach((component) => new Set(ours.filter(isBy(component)).flatMap(usedBy))),
    refused: refused.map(({ user, verb, requestURI }) => `${user.username}: ${verb} ${requestURI}`),
  };
}

export async function startAuditedCluster(argv: readonly string[]): Promise<AuditedCluster> {
  await using starting = new AsyncDisposableStack();
  const dir = await mkdtemp(path.join(tmpdir(), 'porthole-audited-'));
  starting.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  // Sandboxes run as users of their own and pass through it.
  await chmod(dir, 0o755);
  const ports = ['--api-port=0', '--gateway-port=0', '--metrics-port=0'];
  const parsed = parseClusterConfig([`--cluster-dir=${dir}`, ...ports, ...argv], {});
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
  const apiKey = 'the-key-of-a-test-and-of-nobody-else';
  const binaries = findBinaries();
  const cluster = await startCluster({
    config: parsed.config,
    dir,
    apiKey,
    binaries,
    chromium: process.env['PORTHOLE_CHROMIUM'] ?? findBrowserOnPath(process.env['PATH'] ?? '') ?? '',
    audit: true,
    signal: AbortSignal.timeout(120_000),
    progress: () => undefined,
  });
  starting.use(cluster);
  const { kubectl } = createTools({ binaries, kubeconfig: cluster.kubeconfig, cacheDir: path.join(dir, 'cache') });
  const running = starting.move();
  const readRoles = async (): Promise<Roles> => {
    const labels = '--selector=app.kubernetes.io/name=porthole';
    return rolesShape.parse(JSON.parse(await kubectl(['get', 'roles,clusterroles', '-A', labels, '-o=json']))).items;
  };
  return {
    api: createApiClient(cluster.apiUrl, apiKey),
    gatewayUrl: cluster.gatewayUrl,
    kubectl,
    pidOf: (name) => cluster.pids[name] ?? 0,
    end: () => conclude(running, cluster, dir, readRoles),
  };
}

async function conclude(
  running: AsyncDisposableStack,
  cluster: Cluster,
  dir: string,
  readRoles: () => Promise<Roles>,
): Promise<Findings> {
  await using _rest = running;
  const roles = await readRoles();
  // A watch is logged when it has ended. The folder goes last.
  await cluster[Symbol.asyncDispose]();
  return toFindings(roles, await readAuditLog(dir));
}

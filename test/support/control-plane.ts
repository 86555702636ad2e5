import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StaticUser } from '../../hack/cluster/control-plane-arguments.ts';
import { adminUser, startControlPlane, type ControlPlane } from '../../hack/cluster/control-plane.ts';
import { formatKubeconfig } from '../../hack/cluster/kubeconfig.ts';
import { mintToken } from '../../hack/cluster/service-account-token.ts';
import { createTools, type Tools } from '../../hack/cluster/tools.ts';
import { writePrivate } from '../../src/cmd/write-private.ts';
import { findControlPlane, type FoundControlPlane } from '../../hack/controlplane/find.mjs';
import { stillRunning, descendantsOf } from './process-table.ts';

type Binaries = Required<FoundControlPlane['files']>;

/** The programs on this machine; building them takes minutes and is not a test's business. */
export function findBinaries(): Binaries {
  const { files, missing } = findControlPlane(process.env);
  if (missing.length > 0)
    throw new Error(`${missing.join(', ')} is missing; npm run controlplane gets what is missing.`);
  return files as Binaries;
}

export interface TestControlPlaneOptions {
  /**
   * With kube-controller-manager and kube-scheduler. Default: false. Without them nothing is scheduled and owners' deletion
   * deletes nothing; Pods need no ServiceAccount then, as in controller-runtime's envtest.
   */
  readonly controllers?: boolean;
  /** Counts calls by user, see `audit`. Default: false. */
  readonly audit?: boolean;
  /** Whom `kubeconfigFor` knows besides the administrator. */
  readonly users?: readonly StaticUser[];
  /** Further arguments for kube-apiserver; a flag given again counts more. */
  readonly apiServerArguments?: readonly string[];
}

/** A line of the audit log: https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/#audit-k8s-io-v1-Event */
export interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string; readonly groups?: readonly string[] };
  readonly userAgent?: string;
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly apiGroup?: string;
  };
  readonly responseStatus?: { readonly code?: number; readonly reason?: string };
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
}

/** A control plane in a temporary folder. Disposing ends it, and fails when a process stays. */
export interface TestControlPlane extends AsyncDisposable {
  /** https://127.0.0.1:<port> */
  readonly server: string;
  /** Certificates to trust, PEM. */
  readonly ca: string;
  readonly dir: string;
  /** Path of the administrator's kubeconfig; its context's namespace is `default`. */
  readonly kubeconfig: string;
  /** Path of a kubeconfig of one of `users`. */
  kubeconfigFor(user: string, namespace?: string): string;
  /** Path of a kubeconfig with a fresh token of a ServiceAccount that exists. */
  serviceAccountKubeconfig(namespace: string, name: string): Promise<string>;
  /** One call as the administrator. */
  readonly call: ControlPlane['call'];
  /** To kill, pause and start again: `await cp.process('kube-apiserver').kill()`. The port stays. */
  readonly process: ControlPlane['process'];
  /** Resolves when the API server answers again. */
  readonly ready: ControlPlane['ready'];
  /** Runs kubectl as the administrator. */
  readonly kubectl: Tools['kubectl'];
  /** Runs helm as the administrator. */
  readonly helm: Tools['helm'];
  /** Applies `crds/` and waits until they are served. */
  applyCrds(): Promise<void>;
  /** What has been asked of the API server so far, the oldest first. */
  audit(): Promise<readonly AuditEvent[]>;
}

/** Of a control plane's folder. A watch is in it when it has ended. */
export async function readAuditLog(dir: string): Promise<readonly AuditEvent[]> {
  const text = await readFile(join(dir, 'logs', 'audit.log'), 'utf8');
  // The last line may be half written.
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as AuditEvent);
}

export async function startTestControlPlane(options: TestControlPlaneOptions = {}): Promise<TestControlPlane> {
  const { controllers = false, audit = false, users = [], apiServerArguments = [] } = options;
  const binaries = findBinaries();
  const dir = await mkdtemp(join(tmpdir(), 'porthole-controlplane-'));
  const removeDir = (): Promise<void> => rm(dir, { recursive: true, force: true, maxRetries: 5 });
  const more = [...(controllers ? [] : ['--disable-admission-plugins=ServiceAccount']), ...apiServerArguments];
  const plane = await startControlPlane({ dir, binaries, controllers, audit, users, apiServerArguments: more }).catch(
    async (error: unknown) => {
      await removeDir();
      throw error;
    },
  );
  const write = (name: string, text: string): string => {
    const file = join(dir, 'kubeconfigs', name.replaceAll(/[^\w.-]/g, '-'));
    writePrivate(file, text);
    return file;
  };
  const kubeconfigFor = (user: string, namespace?: string): string => write(user, plane.kubeconfigOf(user, namespace));
  const kubeconfig = kubeconfigFor(adminUser);
  const { kubectl, helm } = createTools({ binaries, kubeconfig, cacheDir: join(dir, 'cache') });
  return {
    server: plane.server,
    ca: plane.ca,
    dir,
    kubeconfig,
    kubeconfigFor,
    serviceAccountKubeconfig: async (namespace, name) => {
      const token = await mintToken((call) => plane.call(call), { namespace, name, expirationSeconds: 3600 });
      const user = `system:serviceaccount:${namespace}:${name}`;
      return write(user, formatKubeconfig({ server: plane.server, ca: plane.ca, token, user, namespace }));
    },
    call: (call) => plane.call(call),
    process: (name) => plane.process(name),
    ready: () => plane.ready(),
    kubectl,
    helm,
    applyCrds: async () => {
      await kubectl(['apply', '--server-side', '-f', 'crds/']);
      await kubectl(['wait', '--for=condition=Established', '--timeout=60s', '-f', 'crds/']);
    },
    audit: () => readAuditLog(dir),
    [Symbol.asyncDispose]: async () => {
      const own = descendantsOf(process.pid).filter(({ command }) => command.includes(dir));
      await plane[Symbol.asyncDispose]();
      await removeDir();
      const left = stillRunning(own);
      if (left.length > 0) throw new Error(`The control plane left ${left.map((entry) => entry.command).join('\n')}`);
    },
  };
}

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { callApi, type ApiAccess, type ApiAnswer, type ApiCall } from './api-request.ts';
import {
  apiServerArguments,
  auditPolicy,
  controllerManagerArguments,
  etcdArguments,
  files,
  formatTokenFile,
  schedulerArguments,
  type StaticUser,
} from './control-plane-arguments.ts';
import { findFreePorts } from './free-port.ts';
import { formatKubeconfig } from './kubeconfig.ts';
import { startProcess, type ManagedProcess } from './managed-process.ts';
import { sweepProcesses } from './sweep-processes.ts';
import { writePrivate } from '../../src/cmd/write-private.ts';

export const controlPlanePrograms = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const;
export type ControlPlaneProgram = (typeof controlPlanePrograms)[number];

export interface ControlPlaneOptions {
  /** Absolute. Keeps etcd's data and the keys from one start to the next; one control plane uses it at a time. */
  readonly dir: string;
  readonly binaries: Readonly<Record<ControlPlaneProgram, string>>;
  /** Without them nothing is scheduled, collected, or given a ServiceAccount. Default: true. */
  readonly controllers?: boolean;
  /** Default: any free one. */
  readonly port?: number;
  /** Writes `logs/audit.log`. Default: false. */
  readonly audit?: boolean;
  /** Known by tokens besides the administrator and the control plane's own programs. */
  readonly users?: readonly StaticUser[];
  /** What ends without having been told to is started again. Default: false. */
  readonly supervised?: boolean;
  /** Further arguments for kube-apiserver. */
  readonly apiServerArguments?: readonly string[];
  /** From a program's command line to one that runs it somewhere else, e.g. in another network. */
  readonly place?: (argv: readonly string[]) => readonly string[];
}

/** A Kubernetes API with real programs behind it, on loopback. Disposing ends them; the folder stays. */
export interface ControlPlane extends AsyncDisposable {
  readonly dir: string;
  /** https://127.0.0.1:<port> */
  readonly server: string;
  /** Certificates to trust, PEM. */
  readonly ca: string;
  /** The administrator's (group system:masters). */
  readonly access: ApiAccess;
  /** How a user with a token of this start asks; throws for others. */
  accessOf(user: string): ApiAccess;
  /** Text of a kubeconfig for such a user. */
  kubeconfigOf(user: string, namespace?: string): string;
  /** Text of the administrator's kubeconfig. */
  adminKubeconfig(namespace: string): string;
  /** One call as the administrator. */
  call(call: ApiCall): Promise<ApiAnswer>;
  /** Throws for a program that was not started. */
  process(name: ControlPlaneProgram): ManagedProcess;
  /** All that were started. */
  processes(): readonly ManagedProcess[];
  /** Resolves when the API server answers /readyz with 200. */
  ready(): Promise<void>;
}

export const adminUser = 'porthole-admin';
const controllerManagerUser = 'system:kube-controller-manager';
const schedulerUser = 'system:kube-scheduler';

/** Longest time to ready; generous because machines are busy and slow. */
const readyLimitMs = 180_000;
const lookEveryMs = 50;

const etcdGraceMs = 5_000;
/** The API server waits for open watches to end; nobody here needs it to. */
const apiServerGraceMs = 2_000;
const controllerGraceMs = 2_000;

interface Identity extends StaticUser {
  readonly token: string;
}

function makeIdentities(more: readonly StaticUser[]): readonly Identity[] {
  const users: readonly StaticUser[] = [
    { name: adminUser, groups: ['system:masters'] },
    { name: controllerManagerUser, groups: [] },
    { name: schedulerUser, groups: [] },
    ...more,
  ];
  return users.map((user) => ({ ...user, token: randomBytes(32).toString('base64url') }));
}

/** Tokens of ServiceAccounts that were handed out stay good as long as the key does, so it is kept. */
function keepServiceAccountKeys(dir: string): void {
  const file = path.join(dir, files.serviceAccountKey);
  const publicFile = path.join(dir, files.serviceAccountPublicKey);
  if (existsSync(file) && existsSync(publicFile)) return;
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  writePrivate(publicFile, publicKey);
  writePrivate(file, privateKey);
}

function prepareFolder({ dir }: ControlPlaneOptions, identities: readonly Identity[]): void {
  mkdirSync(path.join(dir, files.etcd), { recursive: true, mode: 0o700 });
  keepServiceAccountKeys(dir);
  // Its certificate lasts a year; a new one at each start is simpler than to watch over that.
  rmSync(path.join(dir, files.certificates), { recursive: true, force: true });
  writePrivate(path.join(dir, files.tokens), formatTokenFile(identities));
  writePrivate(path.join(dir, files.auditPolicy), JSON.stringify(auditPolicy));
}

/** Waits for what `look` finds; gives up when one of the processes that it needs has ended for good. */
async function until<T>(
  look: () => Promise<T | undefined>,
  what: string,
  needed: readonly ManagedProcess[],
): Promise<T> {
  const giveUpMs = performance.now() + readyLimitMs;
  for (;;) {
    const found = await look().catch(() => undefined);
    if (found !== undefined) return found;
    const dead = needed.find((process) => !process.isRunning);
    if (dead) throw new Error(`${dead.name} ended before ${what}. ${lastWords(dead)}`);
    if (performance.now() > giveUpMs)
      throw new Error(`It takes too long until ${what}. ${needed.map(lastWords).join('\n')}`);
    await sleep(lookEveryMs);
  }
}

/** The end of its log, for people. */
export function lastWords({ logFile }: ManagedProcess): string {
  const text = existsSync(logFile) ? readFileSync(logFile, 'utf8') : '';
  return `The end of ${logFile}:\n${text.trimEnd().split('\n').slice(-15).join('\n')}`;
}

class RunningControlPlane implements ControlPlane {
  readonly dir: string;
  readonly server: string;
  readonly #identities: readonly Identity[];
  readonly #processes = new Map<string, ManagedProcess>();
  readonly #supervised: boolean;
  readonly #place: NonNullable<ControlPlaneOptions['place']>;
  #ca = '';

  constructor(
    { dir, supervised = false, place = (argv) => argv }: ControlPlaneOptions,
    port: number,
    identities: readonly Identity[],
  ) {
    this.dir = dir;
    this.server = `https://127.0.0.1:${port}`;
    this.#identities = identities;
    this.#supervised = supervised;
    this.#place = place;
  }

  get ca(): string {
    return this.#ca;
  }

  get access(): ApiAccess {
    return this.accessOf(adminUser);
  }

  accessOf(user: string): ApiAccess {
    const identity = this.#identities.find(({ name }) => name === user);
    if (!identity) throw new Error(`No user "${user}" was named when this control plane was started.`);
    return { server: this.server, ca: this.#ca, token: identity.token };
  }

  kubeconfigOf(user: string, namespace?: string): string {
    return formatKubeconfig({ ...this.accessOf(user), user, ...(namespace !== undefined && { namespace }) });
  }

  adminKubeconfig(namespace: string): string {
    return this.kubeconfigOf(adminUser, namespace);
  }

  call(call: ApiCall): Promise<ApiAnswer> {
    return callApi(this.access, call);
  }

  process(name: ControlPlaneProgram): ManagedProcess {
    const found = this.#processes.get(name);
    if (!found) throw new Error(`${name} was not started here.`);
    return found;
  }

  processes(): ManagedProcess[] {
    return [...this.#processes.values()];
  }

  async ready(): Promise<void> {
    await this.#until({ path: '/readyz', timeoutMs: 2_000 }, 'the API server is ready');
  }

  /** The programs in the order in which they need each other. */
  async bringUp({ binaries, controllers = true, ...options }: ControlPlaneOptions): Promise<void> {
    const { port } = new URL(this.server);
    const { dir } = this;
    const settings = { dir, port: Number(port), audit: options.audit ?? false, more: options.apiServerArguments ?? [] };
    this.#start({ name: 'etcd', argv: [binaries.etcd, ...etcdArguments()], graceMs: etcdGraceMs });
    const apiServer = [binaries['kube-apiserver'], ...apiServerArguments(settings)];
    this.#start({ name: 'kube-apiserver', argv: apiServer, graceMs: apiServerGraceMs });
    this.#ca = await until(() => Promise.resolve(this.#readAuthority()), 'it has a certificate', this.processes());
    await this.ready();
    if (!controllers) return;
    this.#writeKubeconfig('kube-controller-manager', controllerManagerUser);
    const manager = [binaries['kube-controller-manager'], ...controllerManagerArguments(dir)];
    this.#start({ name: 'kube-controller-manager', argv: manager, graceMs: controllerGraceMs });
    this.#writeKubeconfig('kube-scheduler', schedulerUser);
    const scheduler = [binaries['kube-scheduler'], ...schedulerArguments(dir)];
    this.#start({ name: 'kube-scheduler', argv: scheduler, graceMs: controllerGraceMs });
    // A namespace refuses Pods until the controller manager has given it this.
    const account = '/api/v1/namespaces/default/serviceaccounts/default';
    await this.#until({ path: account }, 'namespace default has its ServiceAccount');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Clients of the API server before it, etcd last.
    const [etcd, apiServer, ...clients] = this.processes();
    await Promise.all(clients.map((process) => process.stop()));
    await apiServer?.stop();
    await etcd?.stop();
  }

  /** The file is there when it has been written whole: the server's own certificate, then its authority's. */
  #readAuthority(): string | undefined {
    const file = path.join(this.dir, files.authority);
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    return text.split('-----END CERTIFICATE-----').length > 2 ? text : undefined;
  }

  async #until(call: ApiCall, what: string): Promise<void> {
    const look = async (): Promise<true | undefined> => ((await this.call(call)).status === 200 ? true : undefined);
    // What is supervised comes back by itself.
    await until(look, what, this.#supervised ? [] : this.processes());
  }

  #start({ name, argv, graceMs }: { name: ControlPlaneProgram; argv: readonly string[]; graceMs: number }): void {
    // Go programs look for a home and for proxies in their environment; these need neither.
    const env = { PATH: '/usr/bin:/bin', HOME: this.dir };
    const cwd = path.join(this.dir, files.etcd);
    const shared = { name, cwd, env, graceMs, supervised: this.#supervised };
    const process = startProcess(this.dir, { ...shared, argv: this.#place(argv) });
    this.#processes.set(name, process);
  }

  #writeKubeconfig(process: ControlPlaneProgram, user: string): void {
    writePrivate(path.join(this.dir, 'kubeconfigs', process), this.kubeconfigOf(user));
  }
}

/** Starts etcd, kube-apiserver and, unless told otherwise, controller manager and scheduler. Resolves when the API is usable. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  await sweepProcesses(options.dir, controlPlanePrograms);
  const identities = makeIdentities(options.users ?? []);
  prepareFolder(options, identities);
  const [free = 0] = await findFreePorts(1);
  const plane = new RunningControlPlane(options, options.port ?? free, identities);
  try {
    await plane.bringUp(options);
    return plane;
  } catch (error) {
    await plane[Symbol.asyncDispose]();
    throw error;
  }
}

import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { removePid, startProcess, type ManagedProcess } from '../cluster/managed-process.ts';
import { imagesFolder } from '../images/build.ts';
import { ensureImage } from '../images/ensure.ts';
import { makeCgroup } from './cgroups.ts';
import { makeClientCertificate, type ClientCertificate } from './client-certificate.ts';
import { startContainerd, type ContainerdPrograms } from './containerd.ts';
import { openNodeFolder, withFolder } from './folders.ts';
import { startMachine, type Machine } from './machine.ts';
import { kubeletArguments, kubeletConfig, nodeFiles, cniConfig, type Runtime } from './node-files.ts';
import { copyPristine, readReference } from './pristine.ts';
import { systemPath } from './requirements.mjs';

export const nodePrograms = ['kubelet', 'containerd'] as const;

export interface RealNodePrograms extends ContainerdPrograms {
  readonly kubelet: string;
}

export interface RealNodeOptions {
  /** Absolute: the cluster's folder, for `logs/` and `pids/`. */
  readonly home: string;
  readonly runtime: Runtime;
  readonly programs: RealNodePrograms;
  /** Folder of the network plugins. */
  readonly cniPlugins: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Takes a sentence about what is done now. */
  readonly progress: (sentence: string) => void;
}

/**
 * A node with a real container runtime, whose kubelet joins a cluster when told to. Disposing ends all that runs on it and removes
 * what it has made; the kernel and the next start do so when this process is killed.
 */
export interface RealNode extends AsyncDisposable {
  readonly runtime: Runtime;
  /** Its own folder, absolute. */
  readonly dir: string;
  readonly machine: Machine;
  /** Of the node, at the top of every hierarchy: all Pods are below. */
  readonly cgroup: string;
  /** What a Pod has to name to get the sandbox's image, which no registry has. */
  readonly sandboxImage: string;
  /** With which the API server asks the kubelet. */
  readonly client: ClientCertificate;
  /** Starts the kubelet, with a kubeconfig that lets it be this node. */
  join(nodeName: string, kubeconfig: string): void;
  processes(): readonly ManagedProcess[];
}

/** The chart's profile: RuntimeDefault, and what Chromium's own sandbox needs besides. */
const seccompProfile = path.resolve(import.meta.dirname, '../../charts/porthole/files/porthole-chromium.json');

function writeFiles(dir: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(dir, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: 0o600 });
  }
}

const kubeletGraceMs = 3_000;

/** Makes all that a node needs, and starts its container runtime. */
export async function startRealNode(options: RealNodeOptions): Promise<RealNode> {
  const { home, runtime, programs, cniPlugins, env, signal, progress } = options;
  await using starting = new AsyncDisposableStack();
  const archive = await withFolder(imagesFolder(env), () => ensureImage('porthole-sandbox', { env, progress }));
  signal.throwIfAborted();
  const folder = starting.use(await openNodeFolder(env));
  const { path: dir, cgroup } = folder;
  await copyPristine({ ...options, archives: [archive] }, path.join(dir, nodeFiles.containerdRoot));
  signal.throwIfAborted();
  const client = await makeClientCertificate(path.join(dir, 'client'));
  makeCgroup(cgroup);
  writeFiles(dir, {
    [nodeFiles.cniConfig]: JSON.stringify(cniConfig),
    [nodeFiles.kubeletConfig]: JSON.stringify(kubeletConfig({ dir, cgroup, clientAuthority: client.authority })),
    [nodeFiles.resolvConf]: '',
  });
  const profile = path.join(dir, nodeFiles.seccompProfile);
  mkdirSync(path.dirname(profile), { recursive: true });
  if (existsSync(seccompProfile)) copyFileSync(seccompProfile, profile);
  const machine = starting.use(await startMachine(dir));
  const place = { dir, cniPlugins };
  const processes: ManagedProcess[] = [];
  starting.defer(async () => {
    // Nothing of it stays, so that nobody needs the time to end well.
    await Promise.all(processes.map((process) => process.kill()));
    for (const { name } of processes) removePid(home, name);
  });
  processes.push(await startContainerd({ runtime, programs, place, machine, home, supervised: true }));
  const sandboxImage = await readReference(archive);
  const running = starting.move();
  return {
    runtime,
    dir,
    machine,
    cgroup,
    sandboxImage,
    client,
    join: (nodeName, kubeconfig) => {
      writeFiles(dir, { [nodeFiles.kubeconfig]: kubeconfig });
      const argv = machine.inside(kubeletArguments({ program: programs.kubelet, dir, nodeName }));
      const shared = { cwd: dir, graceMs: kubeletGraceMs, supervised: true, isBelow: true };
      processes.push(startProcess(home, { name: 'kubelet', argv, env: { PATH: systemPath, HOME: dir }, ...shared }));
    },
    processes: () => processes,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

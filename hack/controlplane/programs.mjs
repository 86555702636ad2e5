/** The programs of a real control plane and of a real node: where each is built from, and how long that takes. Plain data. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { root } from '../bootstrap/prepare.mjs';

/**
 * @typedef {'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler' | 'kubectl' | 'helm'} ControlPlaneName
 * @typedef {'kubelet'} NodeName
 * @typedef {'containerd' | 'containerd-shim-runc-v2' | 'ctr' | 'runsc' | 'containerd-shim-runsc-v1'} GvisorName
 * @typedef {'versitygw'} S3Name
 * @typedef {ControlPlaneName | NodeName | GvisorName | S3Name} ProgramName
 * @typedef {'etcd' | 'kubernetes' | 'helm' | 'containerd' | 'gvisor' | 'versitygw'} ModuleName
 * @typedef {'control-plane' | 'node' | 'gvisor' | 's3'} ProgramSet What programs are for: a control plane; a kubelet beside containerd and
 *   runc of the distribution; gVisor, which needs a newer containerd than distributions have; an S3 server.
 *
 * @typedef {object} Program
 * @property {ProgramName} name
 * @property {ProgramSet} set
 * @property {ModuleName} module Folder beside this file whose go.mod pins the version.
 * @property {string} goPackage What `go build` is given.
 * @property {number} buildSeconds On 2 cores, measured in the order below: later ones find much compiled already.
 */

/** @type {readonly ProgramSet[]} */
export const programSets = ['control-plane', 'node', 'gvisor', 's3'];

const kubernetes = 'k8s.io/kubernetes';
const containerd = 'github.com/containerd/containerd/v2';

/**
 * @param {ProgramSet} set
 * @param {ModuleName} module
 * @param {readonly (readonly [name: ProgramName, goPackage: string, buildSeconds: number])[]} rows
 * @returns {readonly Program[]}
 */
const listed = (set, module, rows) =>
  rows.map(([name, goPackage, buildSeconds]) => ({ name, set, module, goPackage, buildSeconds }));

/** @type {readonly Program[]} In the order in which they are built. */
export const programs = [
  ...listed('control-plane', 'etcd', [['etcd', 'go.etcd.io/etcd/server/v3', 25]]),
  ...listed('control-plane', 'kubernetes', [
    ['kube-apiserver', `${kubernetes}/cmd/kube-apiserver`, 235],
    ['kube-controller-manager', `${kubernetes}/cmd/kube-controller-manager`, 65],
    ['kube-scheduler', `${kubernetes}/cmd/kube-scheduler`, 6],
    ['kubectl', `${kubernetes}/cmd/kubectl`, 15],
  ]),
  ...listed('control-plane', 'helm', [['helm', 'helm.sh/helm/v3/cmd/helm', 60]]),
  ...listed('node', 'kubernetes', [['kubelet', `${kubernetes}/cmd/kubelet`, 20]]),
  ...listed('gvisor', 'containerd', [
    ['containerd', `${containerd}/cmd/containerd`, 180],
    ['containerd-shim-runc-v2', `${containerd}/cmd/containerd-shim-runc-v2`, 8],
    ['ctr', `${containerd}/cmd/ctr`, 5],
  ]),
  ...listed('gvisor', 'gvisor', [
    ['runsc', 'gvisor.dev/gvisor/runsc', 70],
    ['containerd-shim-runsc-v1', 'gvisor.dev/gvisor/shim', 15],
  ]),
  ...listed('s3', 'versitygw', [['versitygw', 'github.com/versity/versitygw/cmd/versitygw', 90]]),
];

/**
 * @param {ProgramSet} set
 * @returns {readonly ProgramName[]}
 */
export const namesIn = (set) => programs.filter((program) => program.set === set).map(({ name }) => name);

/** The set that a cluster cannot be without. */
export const controlPlaneNames = /** @type {readonly ControlPlaneName[]} */ (namesIn('control-plane'));

/** The module each wrapper pins. */
const pinned = {
  etcd: 'go.etcd.io/etcd/server/v3',
  kubernetes,
  helm: 'helm.sh/helm/v3',
  containerd,
  gvisor: 'gvisor.dev/gvisor',
  versitygw: 'github.com/versity/versitygw',
};

/**
 * Folder of the Go module that pins the version.
 * @param {ModuleName} module
 * @returns {string}
 */
export const moduleFolder = (module) => path.join(root, 'hack', 'controlplane', module);

/**
 * @param {ModuleName} module
 * @param {string} [goMod] Text of its go.mod.
 * @returns {{ path: string, version: string, go: string }} The module pinned, e.g. k8s.io/kubernetes, its version, e.g. v1.35.4, and
 *   the oldest Go that will do, e.g. 1.26.0.
 */
export function readPin(module, goMod = readFileSync(path.join(moduleFolder(module), 'go.mod'), 'utf8')) {
  const lines = goMod.split('\n').map((line) => line.replace(/^require\s+/, '').trim());
  const version = lines.find((line) => line.startsWith(`${pinned[module]} `))?.split(' ')[1];
  const go = lines.find((line) => line.startsWith('go '))?.split(' ')[1];
  if (!version || !go) throw new Error(`${moduleFolder(module)}/go.mod pins no ${pinned[module]}`);
  return { path: pinned[module], version, go };
}

/**
 * Where a program lies once it is built, below XDG's cache home: https://specifications.freedesktop.org/basedir-spec/latest/
 * @param {Program} program
 * @param {NodeJS.ProcessEnv} env
 * @returns {string}
 */
export function cachedFile({ name, module }, env) {
  const xdg = env['XDG_CACHE_HOME'];
  const cache = xdg && path.isAbsolute(xdg) ? xdg : path.join(env['HOME'] ?? homedir(), '.cache');
  return path.join(cache, 'porthole', 'controlplane', `${module}-${readPin(module).version}`, name);
}

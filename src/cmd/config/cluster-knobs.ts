import { z } from 'zod';
import { filePath, oneOf, type Knob } from './knob.ts';
import { knobs } from './knobs.ts';

const { dataDir: _ofOneProcess, ...ofBothModes } = knobs;

const nodeKinds = oneOf(['process', 'kubelet']);
const runtimes = oneOf(['runc', 'gvisor']);

/** What `npm run cluster` knows besides. */
export const clusterOnly = {
  clusterDir: {
    name: 'PORTHOLE_CLUSTER_DIR',
    flag: '--cluster-dir',
    value: 'folder',
    meaning: 'Folder with all state of the cluster: kubeconfig, pids/<process>, logs/<process>.log, data of etcd.',
    allowed: 'a path (~ is not expanded here)',
    otherwise: '${XDG_DATA_HOME:-~/.local/share}/porthole-cluster',
    schema: filePath,
  },
  useExistingCluster: {
    name: 'PORTHOLE_USE_EXISTING_CLUSTER',
    flag: '--use-existing-cluster',
    meaning: 'yes installs into the cluster that --kubeconfig or KUBECONFIG names, and starts no control plane.',
    preset: 'no',
    ...oneOf(['no', 'yes']),
  },
  node: {
    name: 'PORTHOLE_NODE',
    flag: '--node',
    meaning:
      'What runs sandboxes: process as processes of this machine; kubelet as Pods of a real kubelet with a container runtime (needs root).',
    otherwise: 'process; kubelet where --runtime is given',
    value: nodeKinds.value,
    allowed: nodeKinds.allowed,
    schema: z.exactOptional(nodeKinds.schema),
  },
  runtime: {
    name: 'PORTHOLE_RUNTIME',
    flag: '--runtime',
    meaning: "What isolates the kubelet's Pods: runc as containers; gvisor with a kernel of their own, in user space.",
    otherwise: 'runc',
    value: runtimes.value,
    allowed: runtimes.allowed,
    schema: z.exactOptional(runtimes.schema),
  },
  kubeconfig: {
    name: 'KUBECONFIG',
    flag: '--kubeconfig',
    value: 'file',
    meaning: 'Of an administrator of the cluster that exists; not looked at otherwise.',
    allowed: 'the path of a kubeconfig file',
    otherwise: "kubectl's own default",
    schema: z.exactOptional(filePath),
  },
} satisfies Record<string, Knob>;

/** Of `npm run cluster`: those of embedded mode, and what only a cluster has. */
export const clusterKnobs = { ...ofBothModes, ...clusterOnly };

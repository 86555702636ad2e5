import path from 'node:path';
import { nodeNetwork } from './network.ts';

/** What runtime, network plugins and kubelet are told. Pure. */

/** What isolates containers: handlers of the same runtime have their own RuntimeClass. */
export const runtimes = ['runc', 'gvisor'] as const;
export type Runtime = (typeof runtimes)[number];

/** Where things are inside the node, in folders that nobody else sees. */
export const inside = {
  containerdSocket: '/run/porthole/containerd.sock',
  containerdState: '/run/containerd',
} as const;

/** Files and folders below the node's own one. */
export const nodeFiles = {
  containerdConfig: 'containerd.toml',
  containerdRoot: 'containerd',
  cniConfigs: 'cni',
  cniConfig: 'cni/10-porthole.conflist',
  runscConfig: 'runsc.toml',
  kubelet: 'kubelet',
  kubeletConfig: 'kubelet.json',
  kubeletCertificates: 'kubelet/pki',
  kubeconfig: 'kubeconfig',
  podLogs: 'pod-logs',
  /** The kubelet looks for Localhost profiles here. */
  seccompProfile: 'kubelet/seccomp/porthole/chromium.json',
  resolvConf: 'resolv.conf',
} as const;

/** What a Pod's first container runs: nothing. Made here, see pause-image.ts. */
export const pauseImage = 'localhost/porthole-pause:1';

export interface NodePlace {
  /** Absolute: the node's own folder. */
  readonly dir: string;
  /** Where network plugins are. */
  readonly cniPlugins: string;
}

const quote = (text: string): string => JSON.stringify(text);

/** Plugins that would only complain that their file systems are not there. */
const unused = ['internal.v1.opt', 'snapshotter.v1.btrfs', 'snapshotter.v1.zfs', 'snapshotter.v1.devmapper'];
const listPlugins = (names: readonly string[]): string =>
  `[${names.map((n) => quote(`io.containerd.${n}`)).join(', ')}]`;

/**
 * https://github.com/containerd/containerd/blob/release/1.6/docs/cri/config.md: Debian's containerd. Lowering a process' oom_score_adj
 * takes CAP_SYS_RESOURCE, which root may lack in containers and small VMs: hence `restrict_oom_score_adj`.
 */
function containerd1({ dir, cniPlugins }: NodePlace): string {
  return `version = 2
root = ${quote(path.join(dir, nodeFiles.containerdRoot))}
state = ${quote(inside.containerdState)}
disabled_plugins = ${listPlugins([...unused, 'snapshotter.v1.aufs'])}
[grpc]
  address = ${quote(inside.containerdSocket)}
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = ${quote(pauseImage)}
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = ${quote(cniPlugins)}
    conf_dir = ${quote(path.join(dir, nodeFiles.cniConfigs))}
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
`;
}

/** https://github.com/containerd/containerd/blob/main/docs/cri/config.md, https://gvisor.dev/docs/user_guide/containerd/configuration/ */
function containerd2({ dir, cniPlugins }: NodePlace): string {
  const runtime = `plugins.'io.containerd.cri.v1.runtime'`;
  return `version = 3
root = ${quote(path.join(dir, nodeFiles.containerdRoot))}
state = ${quote(inside.containerdState)}
disabled_plugins = ${listPlugins([...unused, 'nri.v1.nri', 'snapshotter.v1.blockfile', 'snapshotter.v1.erofs'])}
[grpc]
  address = ${quote(inside.containerdSocket)}
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = ${quote(pauseImage)}
[${runtime}]
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [${runtime}.cni]
    bin_dirs = [${quote(cniPlugins)}]
    conf_dir = ${quote(path.join(dir, nodeFiles.cniConfigs))}
  [${runtime}.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [${runtime}.containerd.runtimes.runsc]
    runtime_type = "io.containerd.runsc.v1"
    [${runtime}.containerd.runtimes.runsc.options]
      TypeUrl = "io.containerd.runsc.v1.options"
      ConfigPath = ${quote(path.join(dir, nodeFiles.runscConfig))}
`;
}

/** gVisor's shim speaks to containerd 2 only; runc takes what Debian has. */
export function containerdConfig(runtime: Runtime, place: NodePlace): string {
  return runtime === 'runc' ? containerd1(place) : containerd2(place);
}

/** Works where there is no /dev/kvm, and no kernel support beyond seccomp: https://gvisor.dev/docs/architecture_guide/platforms/ */
export const runscConfig = '[runsc_config]\n  platform = "systrap"\n';

/** https://www.cni.dev/docs/spec/#configuration-format. Addresses are handed out in a folder that ends with the node. */
export const cniConfig = {
  cniVersion: '0.4.0',
  name: 'porthole',
  plugins: [
    {
      type: 'bridge',
      bridge: nodeNetwork.bridge,
      isGateway: true,
      hairpinMode: true,
      ipam: {
        type: 'host-local',
        dataDir: '/run/porthole/addresses',
        ranges: [[{ subnet: nodeNetwork.podCidr }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    },
    { type: 'loopback' },
  ],
};

export interface KubeletSettings {
  /** Absolute: the node's own folder. */
  readonly dir: string;
  /** At the top of every hierarchy. */
  readonly cgroup: string;
  /** Path of the certificate that the API server's own is signed with. */
  readonly clientAuthority: string;
}

/** https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/ */
export function kubeletConfig({ dir, cgroup, clientAuthority }: KubeletSettings): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: nodeNetwork.address,
    port: nodeNetwork.kubeletPort,
    readOnlyPort: 0,
    healthzBindAddress: '127.0.0.1',
    healthzPort: nodeNetwork.kubeletHealthPort,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true, cacheTTL: '10s' },
      x509: { clientCAFile: clientAuthority },
    },
    authorization: { mode: 'Webhook' },
    containerRuntimeEndpoint: `unix://${inside.containerdSocket}`,
    cgroupRoot: `/${cgroup}`,
    cgroupDriver: 'cgroupfs',
    cgroupsPerQOS: true,
    enforceNodeAllocatable: ['pods'],
    failCgroupV1: false,
    failSwapOn: false,
    kernelMemcgNotification: false,
    makeIPTablesUtilChains: false,
    podLogsDir: path.join(dir, nodeFiles.podLogs),
    volumePluginDir: path.join(dir, 'volume-plugins'),
    resolvConf: path.join(dir, nodeFiles.resolvConf),
    maxPods: 110,
    registerNode: true,
    // Images were put there by hand, and nobody could bring them again.
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    imageMaximumGCAge: '0s',
    evictionHard: {
      'memory.available': '100Mi',
      'nodefs.available': '1%',
      'nodefs.inodesFree': '1%',
      'imagefs.available': '1%',
    },
    nodeStatusUpdateFrequency: '5s',
    logging: { verbosity: 2 },
  };
}

export interface KubeletPlace {
  readonly program: string;
  /** Absolute: the node's own folder. */
  readonly dir: string;
  readonly nodeName: string;
}

export function kubeletArguments({ program, dir, nodeName }: KubeletPlace): readonly string[] {
  const at = (file: string): string => path.join(dir, file);
  return [
    program,
    `--config=${at(nodeFiles.kubeletConfig)}`,
    `--kubeconfig=${at(nodeFiles.kubeconfig)}`,
    `--root-dir=${at(nodeFiles.kubelet)}`,
    `--cert-dir=${at(nodeFiles.kubeletCertificates)}`,
    `--hostname-override=${nodeName}`,
    `--node-ip=${nodeNetwork.address}`,
  ];
}

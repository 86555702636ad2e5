import path from 'node:path';

/** What the four programs of the control plane are told. Pure. */

/** Files of the control plane, below the cluster's folder. */
export const files = {
  etcd: 'etcd',
  certificates: 'apiserver',
  /** Made by the API server: its own certificate, and the authority that signed it. */
  authority: 'apiserver/apiserver.crt',
  tokens: 'apiserver/tokens.csv',
  auditPolicy: 'apiserver/audit-policy.json',
  auditLog: 'logs/audit.log',
  serviceAccountKey: 'service-account.key',
  serviceAccountPublicKey: 'service-account.pub',
} as const;

/**
 * etcd and the API server meet at UNIX sockets in a folder that nobody else can enter, since etcd asks nobody who they are. The
 * folder is the working directory of both: their URLs have no room for a path. The port is wanted, and becomes part of the name.
 */
const etcdClientUrl = 'unix://client.sock:0';
const etcdPeerUrl = 'unix://peer.sock:0';

/** What the issuer of service-account tokens is called; nobody looks it up. */
const issuer = 'https://kubernetes.default.svc';

export function etcdArguments(): string[] {
  return [
    '--name=porthole',
    '--data-dir=data',
    `--listen-client-urls=${etcdClientUrl}`,
    `--advertise-client-urls=${etcdClientUrl}`,
    `--listen-peer-urls=${etcdPeerUrl}`,
    `--initial-advertise-peer-urls=${etcdPeerUrl}`,
    `--initial-cluster=porthole=${etcdPeerUrl}`,
    // A cluster for trying and tests: what a power failure spoils is made anew.
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
}

export interface ApiServerSettings {
  /** The cluster's folder, absolute. */
  readonly dir: string;
  readonly port: number;
  /** Log who asked for what, without bodies. */
  readonly audit: boolean;
  /** Added at the end, so that they count more. */
  readonly more: readonly string[];
}

export function apiServerArguments({ dir, port, audit, more }: ApiServerSettings): string[] {
  const at = (file: string): string => path.join(dir, file);
  return [
    `--etcd-servers=${etcdClientUrl}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${port}`,
    `--cert-dir=${at(files.certificates)}`,
    '--service-cluster-ip-range=10.96.0.0/16',
    // The Service `kubernetes` may not point to a loopback address, and nothing here needs it to point anywhere.
    '--endpoint-reconciler-type=none',
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction,PodSecurity',
    `--token-auth-file=${at(files.tokens)}`,
    `--service-account-issuer=${issuer}`,
    `--service-account-key-file=${at(files.serviceAccountPublicKey)}`,
    `--service-account-signing-key-file=${at(files.serviceAccountKey)}`,
    ...(audit
      ? [
          `--audit-policy-file=${at(files.auditPolicy)}`,
          `--audit-log-path=${at(files.auditLog)}`,
          '--audit-log-maxsize=100000',
        ]
      : []),
    ...more,
  ];
}

export function controllerManagerArguments(dir: string): string[] {
  return [
    `--kubeconfig=${path.join(dir, 'kubeconfigs/kube-controller-manager')}`,
    '--use-service-account-credentials',
    `--service-account-private-key-file=${path.join(dir, files.serviceAccountKey)}`,
    `--root-ca-file=${path.join(dir, files.authority)}`,
    // There is one of it: nobody to elect, and nobody to ask it anything.
    '--leader-elect=false',
    '--secure-port=0',
    // 20 a second, the default, is what its garbage collector would then delete at most.
    '--kube-api-qps=200',
    '--kube-api-burst=400',
  ];
}

export function schedulerArguments(dir: string): string[] {
  return [
    `--kubeconfig=${path.join(dir, 'kubeconfigs/kube-scheduler')}`,
    '--leader-elect=false',
    '--secure-port=0',
    '--kube-api-qps=200',
    '--kube-api-burst=400',
  ];
}

/** Somebody whom the API server knows by a token. */
export interface StaticUser {
  readonly name: string;
  readonly groups: readonly string[];
}

/** https://kubernetes.io/docs/reference/access-authn-authz/authentication/#static-token-file */
export function formatTokenFile(users: readonly (StaticUser & { readonly token: string })[]): string {
  return users.map(({ token, name, groups }) => `${token},${name},${name},"${groups.join(',')}"\n`).join('');
}

/** Each request once, when it has been answered. https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/ */
export const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived', 'ResponseStarted'],
  rules: [{ level: 'Metadata' }],
};

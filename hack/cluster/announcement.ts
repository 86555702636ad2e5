import path from 'node:path';

export interface AnnouncedCluster {
  readonly apiUrl: string;
  readonly gatewayUrl: string;
  readonly metricsUrl: string;
  readonly apiKey: string;
  readonly dir: string;
  readonly kubeconfig: string;
  readonly kubectl: string;
  /** Of the person who reads this. */
  readonly searchPath: string;
  readonly usesExisting: boolean;
  /** What a sandbox is. */
  readonly sandboxes: 'process' | 'runc' | 'gvisor';
  readonly readyAfterMs: number;
}

const truths = {
  process: 'Sandboxes are processes of this machine, not VMs: fit for trying and testing, not for hostile pages.',
  runc: 'Sandboxes are containers, which share the kernel of this machine: fit for trying and testing, not for hostile pages.',
  gvisor: "Sandboxes are containers on gVisor's own kernel.",
} as const;

/** A word of a shell's command line. */
const quote = (text: string): string =>
  /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** Lines that make kubectl in this shell that of the cluster. */
function environmentLines({ kubeconfig, kubectl, searchPath }: AnnouncedCluster): string[] {
  const folder = path.dirname(kubectl);
  const isOnPath = searchPath.split(path.delimiter).includes(folder);
  return [`export KUBECONFIG=${quote(kubeconfig)}`, ...(isOnPath ? [] : [`export PATH=${quote(folder)}:"$PATH"`])];
}

/** What a person reads when the cluster is ready: where things are, and lines that work when pasted. */
export function announceCluster(cluster: AnnouncedCluster): string {
  const { apiUrl, apiKey, dir, usesExisting } = cluster;
  const whatEnds = usesExisting
    ? "Ctrl-C ends Porthole's processes; what was installed stays (helm uninstall porthole -n porthole-system)."
    : 'Ctrl-C ends everything; the next start goes on with the same data.';
  return `
Porthole is ready (${(cluster.readyAfterMs / 1000).toFixed(1)} s).

  REST API    ${apiUrl}/api/v1     (reference: ${apiUrl}/docs)
  Gateway     ${cluster.gatewayUrl}
  Metrics     ${cluster.metricsUrl}/metrics
  API key     ${apiKey}     (account "default")
  Data        ${dir}     (kubeconfig, pids/, logs/)

A browser by kubectl (paste into a shell in this folder):

${environmentLines(cluster)
  .map((line) => `  ${line}`)
  .join('\n')}
  kubectl apply -f examples/session.yaml
  kubectl wait browsersession/example --for=condition=Ready --timeout=60s
  kubectl get secret example-binding -o go-template='{{.data.uri | base64decode}}{{"\\n"}}'
  kubectl delete -f examples/session.yaml

A browser by REST:

  curl -s -X POST ${apiUrl}/api/v1/browser/sessions -H 'Authorization: Bearer ${apiKey}'

${truths[cluster.sandboxes]} ${whatEnds}
`;
}

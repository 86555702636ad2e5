import { readFile } from 'node:fs/promises';

/** One request as the API server has counted it. */
export interface AuditedRequest {
  /** As the server authenticated it, e.g. `system:serviceaccount:porthole-system:porthole-operator`. */
  readonly user: string;
  readonly verb: string;
  /** With its subresource, e.g. `pods/status`. */
  readonly resource: string;
  readonly namespace: string;
  readonly code: number;
  /** Epoch milliseconds, with fractions. */
  readonly receivedMs: number;
  readonly answeredMs: number;
}

interface AuditLine {
  readonly user: { readonly username: string };
  readonly verb: string;
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string; readonly namespace?: string };
  readonly responseStatus?: { readonly code?: number };
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
}

/** Times of the log have six decimals, of which Date.parse keeps three. */
function parseMicroTime(text: string): number {
  const [, whole = text, fraction = '0'] = /^(.*)\.(\d+)Z$/.exec(text) ?? [];
  return Date.parse(`${whole.replace(/Z$/, '')}Z`) + Number(`0.${fraction}`) * 1000;
}

/** One line of the log. Undefined for what is not counted. */
export function parseAuditLine(line: string): AuditedRequest | undefined {
  const { user, verb, objectRef, responseStatus, ...times } = JSON.parse(line) as AuditLine;
  if (!objectRef?.resource || objectRef.resource === 'leases') return undefined;
  const { resource, subresource, namespace = '' } = objectRef;
  return {
    user: user.username,
    verb,
    resource: subresource ? `${resource}/${subresource}` : resource,
    namespace,
    code: responseStatus?.code ?? 0,
    receivedMs: parseMicroTime(times.requestReceivedTimestamp),
    answeredMs: parseMicroTime(times.stageTimestamp),
  };
}

/**
 * All requests for objects that a log holds, in the order in which they were received, each as it was answered; a watch when it
 * ended. Leases are left out: they are written with the time, not with the load.
 * https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/
 */
export async function readAuditLog(file: string): Promise<readonly AuditedRequest[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter(Boolean);
  const requests = lines.map(parseAuditLine).filter((request) => request !== undefined);
  return requests.toSorted((a, b) => a.receivedMs - b.receivedMs);
}

const writes: readonly string[] = ['create', 'update', 'patch', 'delete', 'deletecollection'];
export const isWrite = ({ verb }: AuditedRequest): boolean => writes.includes(verb);

/** Components as people call them. kube-controller-manager shows as the controllers in it, each with an account of its own. */
export function writerOf({ user }: Pick<AuditedRequest, 'user'>): string {
  const [, account] = /^system:serviceaccount:porthole-system:porthole-(.*)$/.exec(user) ?? [];
  if (account) return account;
  if (user.startsWith('system:serviceaccount:kube-system:')) return 'kube-controller-manager';
  if (user.startsWith('system:node:')) return 'node';
  return user.replace(/^system:/, '');
}

/** How often each writer did what, e.g. `operator` → `patch pods` → 3. */
export function countByWriter(requests: readonly AuditedRequest[]): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const counts = new Map<string, Map<string, number>>();
  for (const request of requests) {
    const writer = writerOf(request);
    const what = `${request.verb} ${request.resource}`;
    const ofWriter = counts.get(writer) ?? new Map<string, number>();
    counts.set(writer, ofWriter.set(what, (ofWriter.get(what) ?? 0) + 1));
  }
  return counts;
}

const isCreateOfSession = ({ verb, resource }: AuditedRequest): boolean =>
  verb === 'create' && resource === 'browsersessions';
const isStatusOfSession = ({ verb, resource }: AuditedRequest): boolean =>
  verb === 'patch' && resource === 'browsersessions/status';

/**
 * Writes of each session between its create and its status patch, both included: those a caller waits for. Only for sessions
 * that were made one after the other.
 */
export function criticalPaths(requests: readonly AuditedRequest[]): readonly (readonly AuditedRequest[])[] {
  const inOrder = requests.filter(isWrite);
  return inOrder.flatMap((create, at) => {
    if (!isCreateOfSession(create)) return [];
    const rest = inOrder.slice(at);
    const ready = rest.find(isStatusOfSession);
    if (!ready) return [];
    return [
      rest.filter(({ receivedMs, answeredMs }) => receivedMs <= ready.receivedMs && answeredMs <= ready.answeredMs),
    ];
  });
}

import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { timeoutBoundsMs } from '../../api/v1alpha1/browser-session.ts';
import { annotations, labels } from '../../api/v1alpha1/group.ts';
import type { Secret } from '../../lib/kubernetes.ts';
import type { NewObject } from '../../lib/object-meta.ts';
import { parseTime } from '../../lib/time.ts';
import { ownedBy } from '../pods/claim.ts';
import { commonLabels } from '../pods/names.ts';

/** Whoever makes a session over REST has its URLs from the answer, and says by an annotation that it needs no Secret. */
export function wantsBinding({ metadata }: BrowserSession): boolean {
  return metadata.annotations?.[annotations.binding] !== 'none';
}

/** RFC 1123 subdomain: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ */
const longestName = 253;

/**
 * Names for the session's Secret, the best first. One that is taken is somebody else's, or what this session's operator left before
 * it was restarted: neither is written over, and none is read.
 */
export function bindingNames({ metadata: { name, uid } }: BrowserSession): readonly string[] {
  return ['', `-${uid.slice(0, 8)}`, `-${uid}`].map((unique) => {
    const end = `-binding${unique}`;
    // A name may not have a dot or a dash before what is put at its end.
    return `${name.slice(0, longestName - end.length).replace(/[.-]+$/, '')}${end}`;
  });
}

/**
 * Until when the tokens are good, in epoch milliseconds: as long as any session may live, for its own lifetime may be prolonged.
 * They are dead with the session in any case: the gateway looks it up.
 */
export function bindingExpiresAtMs({ metadata }: BrowserSession): number {
  return (parseTime(metadata.creationTimestamp) ?? 0) + timeoutBoundsMs.max;
}

export interface BindingInput {
  readonly session: BrowserSession;
  readonly name: string;
  /** Of the status, without tokens. */
  readonly cdpUrl: string;
  readonly liveViewUrl: string;
  readonly tokens: { readonly cdp: string; readonly live: string };
}

/**
 * How to attach, for those to whom no answer is given: kubectl and GitOps. A well-known Secret:
 * https://servicebinding.io/spec/core/1.1.0/#provisioned-service
 */
export function buildBindingSecret(input: BindingInput): NewObject<Secret> {
  const { session, name, tokens } = input;
  const cdpUrl = `${input.cdpUrl}?token=${tokens.cdp}`;
  const { hostname, port, protocol } = new URL(cdpUrl);
  const data = {
    type: 'cdp',
    provider: 'porthole',
    uri: cdpUrl,
    host: hostname,
    port: port || (protocol === 'wss:' ? '443' : '80'),
    cdpUrl,
    liveViewUrl: `${input.liveViewUrl}?token=${tokens.live}`,
    sessionId: session.metadata.uid,
  };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name,
      namespace: session.metadata.namespace,
      labels: {
        [commonLabels.name]: 'porthole',
        [commonLabels.component]: 'binding',
        [commonLabels.managedBy]: 'porthole-operator',
        [labels.sessionUid]: session.metadata.uid,
      },
      ownerReferences: [ownedBy(session)],
    },
    type: 'servicebinding.io/cdp',
    // The URLs of one session never change, and nobody has to watch a Secret that cannot.
    immutable: true,
    data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
  };
}

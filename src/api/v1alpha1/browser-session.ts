import { z } from 'zod';
import type { StoredObject } from '../../lib/object-meta.ts';
import type { Resource } from '../../lib/resource.ts';
import { atomicMap, celRules, immutableRule } from './crd.ts';
import { apiVersion } from './group.ts';
import {
  admitSpec,
  conditions,
  count,
  localRef,
  objectName,
  observedGeneration,
  timestamp,
  unobserved,
} from './kind.ts';

export const capabilities = ['stealth', 'recording'] as const;

/** Bounds of both timeouts, in milliseconds; an account may set lower ones. */
export const timeoutBoundsMs = { min: 1_000, max: 86_400_000, defaultIdle: 900_000 } as const;
export const maxExtensions = 20;

const proxyOrUrl = 'set proxy or proxyUrlSecretRef, not both';

const sessionFields = z.strictObject({
  accountRef: localRef.describe('The account whose quota the session counts against.'),
  poolRef: localRef
    .optional()
    .describe("The pool to take a sandbox from; default: the account's first, else `default`."),
  capabilities: z.array(z.enum(capabilities)).max(capabilities.length).default([]).describe('Extras to switch on.'),
  extensions: z.array(objectName).max(maxExtensions).default([]).describe('BrowserExtension names to load.'),
  proxy: z
    .strictObject({
      location: z
        .string()
        .min(1)
        .max(63)
        .optional()
        .describe('Where the traffic should come from, as the provider names it.'),
      provider: objectName.optional().describe('A ProxyProvider; default: the one that knows the location.'),
      sticky: z.boolean().default(false).describe('Whether one upstream identity serves the whole session.'),
    })
    .optional()
    .describe('A managed proxy.'),
  proxyUrlSecretRef: z
    .strictObject({
      name: objectName.describe('Name of the Secret in the same namespace.'),
      key: z.string().min(1).max(253).describe('Key in the Secret whose value is the URL.'),
    })
    .meta(atomicMap)
    .optional()
    .describe('A Secret that holds a raw proxy URL.'),
  idleTimeoutMs: z
    .int()
    .min(timeoutBoundsMs.min)
    .max(timeoutBoundsMs.max)
    .default(timeoutBoundsMs.defaultIdle)
    .describe('The session ends after so many milliseconds without activity.'),
  maxLifetimeMs: z
    .int()
    .min(timeoutBoundsMs.min)
    .max(timeoutBoundsMs.max)
    .optional()
    .describe("The session ends so many milliseconds after its creation; default: the account's."),
  onQuotaExceeded: z
    .enum(['Reject', 'Queue'])
    .default('Queue')
    .describe('What to do while the account has no free slot.'),
  viewport: z
    .strictObject({
      width: z.int().min(320).max(3840).describe('Width in CSS pixels.'),
      height: z.int().min(240).max(2160).describe('Height in CSS pixels.'),
    })
    .optional()
    .describe('Window size in CSS pixels.'),
  ttlSecondsAfterEnded: z.int().min(0).max(604_800).default(300).describe('Seconds until an ended session is deleted.'),
});

/** All but the timeouts is fixed at creation. */
const mutableFields: ReadonlySet<string> = new Set(['idleTimeoutMs', 'maxLifetimeMs', 'ttlSecondsAfterEnded']);
const frozenFields = Object.keys(sessionFields.shape).filter((field) => !mutableFields.has(field));

export const browserSessionSpec = sessionFields
  .refine((spec) => !(spec.proxy && spec.proxyUrlSecretRef), { message: proxyOrUrl })
  .meta(
    celRules(
      { rule: '!(has(self.proxy) && has(self.proxyUrlSecretRef))', message: proxyOrUrl },
      ...frozenFields.map(immutableRule),
    ),
  )
  .describe('What the browser should be like. Fixed at creation, but for the timeouts and ttlSecondsAfterEnded.');
export type BrowserSessionSpec = z.infer<typeof browserSessionSpec>;

/** Pending: not admitted. Starting: admitted, no usable browser yet. Ended is final. */
export const sessionPhases = ['Pending', 'Starting', 'Ready', 'Terminating', 'Ended'] as const;

/** Why a session ended: a closed set, each with a sentence in `core/session/reasons.ts`. */
export const endReasons = [
  'IdleTimeout',
  'LifetimeExceeded',
  'BrowserCrashed',
  'SandboxLost',
  'NodeLost',
  'Evicted',
  'OutOfMemory',
  'ConcurrencyLimitReached',
  'PoolExhausted',
  'SandboxFailed',
  'AccountNotFound',
  'PoolNotFound',
  'CapabilityUnavailable',
] as const;
export type EndReason = (typeof endReasons)[number];

/**
 * Reconciling and Stalled are kstatus' own words, for tools that wait and tell success from failure:
 * https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
 */
export const conditionTypes = [
  'Admitted',
  'SandboxReady',
  'Ready',
  'Isolated',
  'ProxyReady',
  'ExtensionsLoaded',
  'Recording',
  'Ended',
  'Reconciling',
  'Stalled',
] as const;
export type ConditionType = (typeof conditionTypes)[number];

export const browserSessionStatus = z
  .strictObject({
    phase: z
      .enum(sessionPhases)
      .describe('Pending: not admitted. Starting: admitted, no usable browser yet. Ready: attach. Ended is final.'),
    observedGeneration: observedGeneration.optional(),
    conditions: conditions.optional(),
    cdpUrl: z.string().max(2048).optional().describe('Where CDP clients attach; add a token or a Bearer API key.'),
    liveViewUrl: z.string().max(2048).optional().describe('Where a person sees the browser; add a token.'),
    binding: z
      .strictObject({ name: objectName.describe('Name of the Secret.') })
      .optional()
      .describe(
        'A Secret with the URLs to attach by, tokens included: https://servicebinding.io/spec/core/1.1.0/#provisioned-service',
      ),
    sandbox: z
      .strictObject({
        podName: z.string().max(253).describe('Name of the Pod.'),
        podUID: z.string().max(63).describe('uid of the Pod.'),
        node: z.string().max(253).describe('The node that the Pod runs on.'),
        warm: z.boolean().describe('Whether the sandbox was warm when the session took it.'),
      })
      .optional()
      .describe('The sandbox that serves the session, and no other one.'),
    traffic: z
      .strictObject({
        bytesIn: count.describe('Bytes that came in from the outside.'),
        bytesOut: count.describe('Bytes that went out.'),
      })
      .optional()
      .describe('What the session received and sent, as of the last time that this status was written.'),
    liveView: z
      .strictObject({ viewers: count.describe('Open connections to the screen, those that only look on included.') })
      .optional()
      .describe('Who looks at the live view, as of a few seconds ago.'),
    admittedAt: timestamp.optional().describe('When the session got a slot of the quota.'),
    readyAt: timestamp.optional().describe('When clients could first attach.'),
    lastActivityAt: timestamp.optional().describe('The last activity of a client that is known here.'),
    expiresAt: timestamp
      .optional()
      .describe('When idleness or age is next due to end the session; activity moves it on.'),
    endedAt: timestamp.optional().describe('When the session ended.'),
    endReason: z.enum(endReasons).optional().describe('Why the session ended.'),
    quota: z
      .strictObject({
        limit: count.describe('Sessions that the account may have at once.'),
        current: count.describe('Sessions that held the quota.'),
      })
      .optional()
      .describe('With endReason ConcurrencyLimitReached: what the quota was and how much of it was taken.'),
  })
  .describe('What has become of the session.');
export type BrowserSessionStatus = z.infer<typeof browserSessionStatus>;

export interface BrowserSession extends StoredObject {
  readonly apiVersion: typeof apiVersion;
  readonly kind: 'BrowserSession';
  readonly spec: BrowserSessionSpec;
  readonly status?: BrowserSessionStatus;
}

function changedFrozenFields(previous: BrowserSessionSpec, next: BrowserSessionSpec): string[] {
  const keys = new Set([...Object.keys(previous), ...Object.keys(next)]) as Set<keyof BrowserSessionSpec>;
  return [...keys].filter((k) => !mutableFields.has(k) && JSON.stringify(previous[k]) !== JSON.stringify(next[k]));
}

export const browserSessions: Resource<BrowserSession> = {
  apiVersion,
  kind: 'BrowserSession',
  plural: 'browsersessions',
  hasStatus: true,
  initialStatus: { phase: 'Pending', ...unobserved } satisfies BrowserSessionStatus,
  admit: admitSpec(browserSessionSpec, changedFrozenFields),
};

import { z } from 'zod';
import type { StoredObject } from '../../lib/object-meta.ts';
import type { Resource } from '../../lib/resource.ts';
import { isCidr } from '../../lib/net-address.ts';
import { atomicMap, celRules, listByKey, stringMap } from './crd.ts';
import { apiVersion } from './group.ts';
import {
  admitSpec,
  conditions,
  count,
  localRef,
  measure,
  objectName,
  observedGeneration,
  unobserved,
  withLabelName,
} from './kind.ts';

export const displayModes = ['auto', 'headful', 'headless'] as const;

/** What a pool may demand of the wall between a browser and its node. */
export const isolationDemands = ['None', 'SeparateKernel', 'VirtualMachine'] as const;
export type IsolationDemand = (typeof isolationDemands)[number];

/** Kubernetes quantities: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
const quantity = z
  .string()
  .max(32)
  .regex(/^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$/, 'must be a quantity such as 250m or 512Mi');
const resourceList = z.strictObject({
  cpu: quantity.optional().describe('Processor time, e.g. 250m or "2".'),
  memory: quantity.optional().describe('Memory, e.g. 512Mi or 2Gi.'),
});
const minAboveMax = 'warm.min must not be above warm.max';
const notCidr = 'must be a CIDR such as 10.0.0.0/8 or fd00::/8, or an address';
const profileForLocalhost = 'set localhostProfile exactly when type is Localhost';

/** https://kubernetes.io/docs/tutorials/security/seccomp/ */
const seccompProfile = z
  .strictObject({
    type: z
      .enum(['RuntimeDefault', 'Localhost'])
      .default('RuntimeDefault')
      .describe("RuntimeDefault: the container runtime's own profile. Localhost: a file on the node."),
    localhostProfile: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .describe("With Localhost: path of the profile below the kubelet's seccomp folder."),
  })
  .refine(({ type, localhostProfile }) => (type === 'Localhost') === (localhostProfile !== undefined), {
    message: profileForLocalhost,
  })
  .meta({
    ...atomicMap,
    ...celRules({ rule: "(self.type == 'Localhost') == has(self.localhostProfile)", message: profileForLocalhost }),
  });

/** https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/ */
const toleration = z.strictObject({
  key: z.string().max(317).optional().describe('Taint that is tolerated; absent, with Exists: all of them.'),
  operator: z.enum(['Equal', 'Exists']).optional().describe('How value is compared; default: Equal.'),
  value: z.string().max(63).optional().describe('Value of the taint.'),
  effect: z
    .enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])
    .optional()
    .describe('Effect of the taint; absent: all.'),
  tolerationSeconds: z
    .int()
    .min(0)
    .optional()
    .describe('With NoExecute: how long the sandbox stays; absent: for ever.'),
});

const cidrList = z
  .array(
    z
      .string()
      .max(64)
      .refine(isCidr, { message: notCidr })
      .meta(celRules({ rule: 'isCIDR(self) || isIP(self)', message: notCidr })),
  )
  .max(64)
  .default([]);

/**
 * As it is called where it was made and no registry has it, see docs/images.md. Of this version: a pool keeps its sandboxes' image
 * until it is told another one.
 */
export const defaultSandboxImage = 'localhost/porthole-sandbox:0.1.0';

export const sandboxTemplate = z.strictObject({
  image: z.string().min(1).max(512).default(defaultSandboxImage).describe('Image with agent, proxy and Chromium.'),
  resources: z
    .strictObject({
      requests: resourceList.default({ cpu: '250m', memory: '512Mi' }).describe('What the scheduler sets aside.'),
      limits: resourceList.default({ cpu: '2', memory: '2Gi' }).describe('What the browser gets at most.'),
    })
    .prefault({})
    .describe('Compute resources of the browser container.'),
  imagePullPolicy: z
    .enum(['Always', 'IfNotPresent', 'Never'])
    .default('IfNotPresent')
    .describe('When the node fetches the image.'),
  imagePullSecrets: listByKey(localRef, 'name', 8)
    .default([])
    .describe('Secrets of type kubernetes.io/dockerconfigjson to fetch the image with.'),
  runtimeClassName: z
    .string()
    .max(253)
    .default('kata')
    .describe('RuntimeClass of sandbox pods; empty: the cluster default.'),
  nodeSelector: stringMap(z.string().max(63), { maxEntries: 64, minKeyLength: 1, maxKeyLength: 317 })
    .default({})
    .describe('Labels of nodes that may run sandboxes.'),
  tolerations: z.array(toleration).max(32).default([]).describe('Taints of nodes that may run sandboxes all the same.'),
  priorityClassName: objectName
    .optional()
    .describe('PriorityClass of sandbox pods: who is scheduled first, and who gives way.'),
  seccompProfile: seccompProfile
    .optional()
    .describe(
      "System calls that the browser may make. Absent: by the RuntimeClass; Localhost porthole/chromium.json under runc, crun and youki, where Chromium's own sandbox needs it, else RuntimeDefault.",
    ),
  hostUsers: z
    .boolean()
    .optional()
    .describe(
      "false: users of the sandbox are nobody on the node (a user namespace; needs a kernel and a runtime that can). Absent: the cluster's default, true.",
    ),
  requirements: z
    .strictObject({
      isolation: z
        .enum(isolationDemands)
        .default('None')
        .describe(
          'What must stand between a browser and its node. SeparateKernel: gVisor or a virtual machine. VirtualMachine: nothing less.',
        ),
      browserSandbox: z.boolean().default(false).describe("Whether Chromium's own sandbox must be on."),
    })
    .prefault({})
    .describe('What a sandbox must turn out to be, as seen from inside: a weaker one is destroyed, not handed out.'),
  storage: z
    .strictObject({
      work: quantity
        .default('4Gi')
        .describe('Disk for profile, caches and downloads; a sandbox that takes more is evicted.'),
      sharedMemory: quantity
        .default('1Gi')
        .describe('Size of /dev/shm, which counts as memory of the browser; below 512Mi Chromium does without it.'),
    })
    .prefault({})
    .describe('Space that a sandbox has for itself, gone with it.'),
  egress: z
    .strictObject({
      allow: cidrList.describe('CIDRs reachable besides the public internet.'),
      upstreamAllow: cidrList.describe(
        'CIDRs where upstream proxies of sessions may be, besides the public internet and those in allow.',
      ),
    })
    .prefault({})
    .describe('Where the traffic of the browsers may go.'),
  display: z
    .enum(displayModes)
    .default('auto')
    .describe('How Chromium shows its windows. auto: headful where the sandbox has an X server.'),
  recording: z
    .strictObject({
      framesPerSecond: z.int().min(1).max(30).default(10).describe('Pictures a second; more cost more processor time.'),
      maxMebibytes: z
        .int()
        .min(1)
        .max(1_048_576)
        .default(1024)
        .describe('Size at which a recording ends. Its end needs the same again of storage.work for a moment.'),
    })
    .prefault({})
    .describe('How sessions are recorded.'),
  startupDeadlineMs: z
    .int()
    .min(1_000)
    .max(600_000)
    .default(30_000)
    .describe('A sandbox that is not usable so many milliseconds after its creation is given up.'),
});

export const browserPoolSpec = z
  .strictObject({
    template: sandboxTemplate.prefault({}).describe('What each sandbox of the pool looks like.'),
    warm: z
      .strictObject({
        min: z.int().min(0).max(10_000).default(1).describe('Warm sandboxes kept at least.'),
        max: z.int().min(0).max(10_000).default(10).describe('Warm sandboxes kept at most.'),
        targetHitRatio: z
          .number()
          .min(0)
          .max(1)
          .default(0.95)
          .describe('Share of sessions that should find a warm sandbox.'),
      })
      .refine((warm) => warm.min <= warm.max, { message: minAboveMax })
      .meta(celRules({ rule: 'self.min <= self.max', message: minAboveMax }))
      .prefault({})
      .describe('How many sandboxes wait for a session.'),
    maxSandboxes: z
      .int()
      .min(0)
      .max(100_000)
      .default(50)
      .describe('Sandboxes at most, warm, starting and claimed together.'),
  })
  .describe('What the sandboxes of the pool look like and how many of them there should be.');
export type BrowserPoolSpec = z.infer<typeof browserPoolSpec>;

export const browserPoolStatus = z
  .strictObject({
    observedGeneration: observedGeneration.optional(),
    replicas: count.optional().describe('All sandboxes of the pool.'),
    warm: count.optional().describe('Sandboxes that wait for a session.'),
    claimed: count.optional().describe('Sandboxes that belong to a session.'),
    starting: count.optional().describe('Sandboxes that are not usable yet.'),
    desiredWarm: count.optional().describe('How many warm sandboxes the pool wants at present.'),
    hitRatio: measure.max(1).optional().describe('Share of the recent sessions that found a warm sandbox.'),
    bootTimeMs: measure
      .optional()
      .describe('Recent time from creating a sandbox to its being usable, in milliseconds.'),
    conditions: conditions.optional(),
  })
  .describe('How many sandboxes there are and how well they serve.');
export type BrowserPoolStatus = z.infer<typeof browserPoolStatus>;

export interface BrowserPool extends StoredObject {
  readonly apiVersion: typeof apiVersion;
  readonly kind: 'BrowserPool';
  readonly spec: BrowserPoolSpec;
  readonly status?: BrowserPoolStatus;
}

export const browserPools: Resource<BrowserPool> = {
  apiVersion,
  kind: 'BrowserPool',
  plural: 'browserpools',
  hasStatus: true,
  initialStatus: unobserved,
  admit: withLabelName(admitSpec(browserPoolSpec)),
};

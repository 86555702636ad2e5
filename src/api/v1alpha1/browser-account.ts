import { z } from 'zod';
import type { StoredObject } from '../../lib/object-meta.ts';
import type { Resource } from '../../lib/resource.ts';
import { capabilities, timeoutBoundsMs } from './browser-session.ts';
import { setOf } from './crd.ts';
import { apiVersion } from './group.ts';
import { admitSpec, conditions, count, objectName, observedGeneration, unobserved, withLabelName } from './kind.ts';

/** attached: an open CDP connection keeps a session alive; messages: only what its client sends does. */
export const idlePolicies = ['attached', 'messages'] as const;
export type IdlePolicy = (typeof idlePolicies)[number];

/** A day. */
export const defaultRecordingRetentionSeconds = 86_400;

const timeoutMs = z.int().min(timeoutBoundsMs.min).max(timeoutBoundsMs.max).default(timeoutBoundsMs.max);

export const browserAccountSpec = z
  .strictObject({
    maxConcurrentSessions: z
      .int()
      .min(0)
      .max(100_000)
      .default(10)
      .describe('Sessions at once, however they were made.'),
    apiKeyHashes: setOf(z.string().regex(/^[0-9a-f]{64}$/, 'must be the lower-case hex sha256 of an API key'), 64)
      .default([])
      .describe('sha256 of each API key, in hex: fit for Git.'),
    limits: z
      .strictObject({
        maxIdleTimeoutMs: timeoutMs.describe('Longest idle timeout a session may ask for, in milliseconds.'),
        maxLifetimeMs: timeoutMs.describe('Longest life of a session, in milliseconds.'),
        capabilities: z
          .array(z.enum(capabilities))
          .max(capabilities.length)
          .optional()
          .describe('Capabilities that may be used; absent: all.'),
        pools: z
          .array(objectName)
          .min(1)
          .max(64)
          .optional()
          .describe('Pools that may be used, the first by default; absent: `default`.'),
      })
      .prefault({})
      .describe('What a session of the account may ask for.'),
    idlePolicy: z
      .enum(idlePolicies)
      .default('attached')
      .describe('What counts as activity. attached: an open CDP connection; messages: only what its client sends.'),
    recordingRetentionSeconds: z
      .int()
      .min(1)
      .max(31_536_000)
      .default(defaultRecordingRetentionSeconds)
      .describe('Seconds for which recordings can be downloaded once their session has ended.'),
  })
  .describe('Who may ask for sessions, with which API keys, how many at once, within which limits.');
export type BrowserAccountSpec = z.infer<typeof browserAccountSpec>;

export const browserAccountStatus = z
  .strictObject({
    observedGeneration: observedGeneration.optional(),
    activeSessions: count.optional().describe('Sessions that hold a slot of the quota.'),
    queuedSessions: count.optional().describe('Sessions that wait for a slot of the quota.'),
    conditions: conditions.optional(),
  })
  .describe('What the account uses of its quota.');
export type BrowserAccountStatus = z.infer<typeof browserAccountStatus>;

export interface BrowserAccount extends StoredObject {
  readonly apiVersion: typeof apiVersion;
  readonly kind: 'BrowserAccount';
  readonly spec: BrowserAccountSpec;
  readonly status?: BrowserAccountStatus;
}

export const browserAccounts: Resource<BrowserAccount> = {
  apiVersion,
  kind: 'BrowserAccount',
  plural: 'browseraccounts',
  hasStatus: true,
  initialStatus: unobserved,
  admit: withLabelName(admitSpec(browserAccountSpec)),
};

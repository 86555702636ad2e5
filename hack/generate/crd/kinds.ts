import type { z } from 'zod';
import type { StoredObject } from '../../../src/lib/object-meta.ts';
import type { Resource } from '../../../src/lib/resource.ts';
import {
  browserAccounts,
  browserAccountSpec,
  browserAccountStatus,
} from '../../../src/api/v1alpha1/browser-account.ts';
import {
  browserExtensions,
  browserExtensionSpec,
  browserExtensionStatus,
} from '../../../src/api/v1alpha1/browser-extension.ts';
import { browserPools, browserPoolSpec, browserPoolStatus } from '../../../src/api/v1alpha1/browser-pool.ts';
import {
  browserSessions,
  browserSessionSpec,
  browserSessionStatus,
} from '../../../src/api/v1alpha1/browser-session.ts';
import { proxyProviders, proxyProviderSpec, proxyProviderStatus } from '../../../src/api/v1alpha1/proxy-provider.ts';

/** A column of `kubectl get`. */
export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly jsonPath: string;
  /** 1: with `-o wide` only. */
  readonly priority?: 1;
}

/** A kind as kubectl shows it, and its schemas. */
export interface CustomKind {
  readonly resource: Pick<Resource<StoredObject>, 'apiVersion' | 'kind' | 'plural' | 'initialStatus'>;
  readonly shortName: string;
  readonly description: string;
  readonly spec: z.ZodType;
  readonly status: z.ZodType;
  /** What `kubectl scale` sets and reads. */
  readonly scale?: { readonly specReplicasPath: string; readonly statusReplicasPath: string };
  /** Whether pods bear its name as a label, which bounds it. */
  readonly isNamedInLabels?: true;
  readonly columns: readonly Column[];
}

const text = (name: string, jsonPath: string): Column => ({ name, type: 'string', jsonPath });
const integer = (name: string, jsonPath: string): Column => ({ name, type: 'integer', jsonPath });
const wide = (column: Column): Column => ({ ...column, priority: 1 });
const age: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
const ready = text('Ready', '.status.conditions[?(@.type=="Ready")].status');

const browserSession: CustomKind = {
  resource: browserSessions,
  shortName: 'bs',
  description: 'One browser that somebody asked for. It gets a sandbox of its own, which is used once and destroyed.',
  spec: browserSessionSpec,
  status: browserSessionStatus,
  columns: [
    text('Phase', '.status.phase'),
    ready,
    text('Account', '.spec.accountRef.name'),
    text('Reason', '.status.endReason'),
    age,
    wide(text('Pod', '.status.sandbox.podName')),
    wide(text('Node', '.status.sandbox.node')),
    wide({ name: 'Warm', type: 'boolean', jsonPath: '.status.sandbox.warm' }),
    // Not a date: kubectl shows those as an age, and one that is yet to come as <invalid>.
    wide(text('Expires', '.status.expiresAt')),
    wide(text('CDP', '.status.cdpUrl')),
    wide(text('Binding', '.status.binding.name')),
  ],
};

const browserPool: CustomKind = {
  resource: browserPools,
  shortName: 'bp',
  description: 'Sandboxes of one make, some of them kept warm for the sessions to come. A sandbox is a Pod.',
  isNamedInLabels: true,
  spec: browserPoolSpec,
  status: browserPoolStatus,
  // No selector: what an autoscaler of pods would measure is not what decides how many warm ones are wanted.
  scale: { specReplicasPath: '.spec.warm.min', statusReplicasPath: '.status.replicas' },
  columns: [
    integer('Warm', '.status.warm'),
    integer('Desired', '.status.desiredWarm'),
    integer('Starting', '.status.starting'),
    integer('Claimed', '.status.claimed'),
    ready,
    age,
    wide(integer('Min', '.spec.warm.min')),
    wide(integer('Max', '.spec.warm.max')),
    wide(integer('Ceiling', '.spec.maxSandboxes')),
    wide({ name: 'Hit ratio', type: 'number', jsonPath: '.status.hitRatio' }),
    wide({ name: 'Boot ms', type: 'number', jsonPath: '.status.bootTimeMs' }),
    wide(text('Runtime', '.spec.template.runtimeClassName')),
    wide(text('Image', '.spec.template.image')),
  ],
};

const browserAccount: CustomKind = {
  resource: browserAccounts,
  shortName: 'ba',
  description: 'Who may ask for sessions: API keys (hashes only), quota and limits.',
  isNamedInLabels: true,
  spec: browserAccountSpec,
  status: browserAccountStatus,
  columns: [
    integer('Limit', '.spec.maxConcurrentSessions'),
    integer('Active', '.status.activeSessions'),
    integer('Queued', '.status.queuedSessions'),
    ready,
    age,
    wide(integer('Max idle ms', '.spec.limits.maxIdleTimeoutMs')),
    wide(integer('Max lifetime ms', '.spec.limits.maxLifetimeMs')),
    wide(text('Idle policy', '.spec.idlePolicy')),
  ],
};

const proxyProvider: CustomKind = {
  resource: proxyProviders,
  shortName: 'pp',
  description: 'Where managed proxies are: an upstream for each location, and the Secret to log in with.',
  spec: proxyProviderSpec,
  status: proxyProviderStatus,
  columns: [
    text('Credentials', '.spec.credentialsSecretRef.name'),
    ready,
    age,
    wide(text('Message', '.status.conditions[?(@.type=="Ready")].message')),
  ],
};

const browserExtension: CustomKind = {
  resource: browserExtensions,
  shortName: 'be',
  description: 'A Chromium extension that sessions may load. The bytes lie in the blob store.',
  spec: browserExtensionSpec,
  status: browserExtensionStatus,
  columns: [
    text('Title', '.spec.name'),
    text('Version', '.spec.version'),
    text('Account', '.spec.accountRef.name'),
    ready,
    age,
    wide(integer('Bytes', '.spec.size')),
    wide(text('SHA256', '.spec.sha256')),
  ],
};

export const customKinds: readonly CustomKind[] = [
  browserSession,
  browserPool,
  browserAccount,
  proxyProvider,
  browserExtension,
];

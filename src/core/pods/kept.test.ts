import { describe, expect, it } from 'vitest';
import { pod, pool, session, type PodKind } from '../../../test/support/objects.ts';
import { isClaimedBy } from './claim.ts';
import { classifySandbox, hasFailed, isUnschedulable, startingSinceMs } from './classify.ts';
import { keptOfPod } from './kept.ts';
import { buildSandboxPod } from './sandbox-pod.ts';

const kinds: readonly PodKind[] = ['starting', 'unschedulable', 'warm', 'claimed', 'failed', 'crashed', 'ending'];

describe('what is kept of a pod', () => {
  it.each(kinds)('says all that there is to know of one that is %s', (kind) => {
    const whole = pod(kind);
    const kept = keptOfPod(whole);
    for (const read of [classifySandbox, hasFailed, isUnschedulable, startingSinceMs])
      expect(read(kept)).toEqual(read(whole));
    expect(kept.status?.podIP).toBe(whole.status?.podIP);
    expect(isClaimedBy(kept, session(), 'default')).toBe(isClaimedBy(whole, session(), 'default'));
    expect(kept.metadata).toBe(whole.metadata);
  });

  it('is where it runs and until when, and little else', () => {
    const built = buildSandboxPod({
      name: 'p',
      pool: pool(),
      templateHash: 'h',
      runtimeHandler: 'kata',
      settings: { ticketKey: 'key', egressDenyPorts: [], systemNamespace: 'system' },
      activeDeadlineSeconds: 60,
    });
    const whole = { ...pod('warm'), spec: { ...built.spec, nodeName: 'n' } };
    const kept = keptOfPod(whole);
    expect(kept.spec).toEqual({ nodeName: 'n', activeDeadlineSeconds: 60, containers: [] });
    expect(JSON.stringify(kept).length).toBeLessThan(JSON.stringify(whole).length / 3);
  });
});

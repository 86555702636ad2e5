import { describe, expect, it } from 'vitest';
import { pod, pool, session, type PodKind } from '../../../test/support/objects.ts';
import { isClaimedBy } from './claim.ts';
import { classifySandbox, hasFailed, isUnschedulable, startingSinceMs, unreadySinceMs } from './classify.ts';
import { keptOfPod } from './kept.ts';
import { isNodeSilent } from './loss.ts';
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

  it('says since when it is not Ready, and whether its kubelet has said so', () => {
    const at = '2026-01-01T00:00:00Z';
    for (const reason of [undefined, 'ContainersNotReady']) {
      const ready = { type: 'Ready', status: 'False', lastTransitionTime: at, ...(reason && { reason }) };
      const whole = { ...pod('claimed'), status: { phase: 'Running', conditions: [ready] } };
      expect(unreadySinceMs(keptOfPod(whole))).toBe(Date.parse(at));
      expect(isNodeSilent(keptOfPod(whole))).toBe(reason === undefined);
    }
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

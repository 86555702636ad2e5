import { describe, expect, it } from 'vitest';
import { pod, type PodKind } from '../../../test/support/objects.ts';
import { agentExitCodes } from '../../api/agent/contract.ts';
import type { Pod } from '../../lib/kubernetes.ts';
import { classifySandbox } from './classify.ts';
import { keptOfPod } from './kept.ts';
import { findLoss, isDisplaced, isDisrupted, isNodeSilent, isUnexplained } from './loss.ts';

const withStatus = (kind: PodKind, status: Pod['status']): Pod => ({
  ...pod(kind),
  status: { ...pod(kind).status, ...status },
});
const disrupted = (kind: PodKind, reason: string): Pod =>
  withStatus(kind, {
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'DisruptionTarget', status: 'True', reason },
    ],
  });
const ended = (reason: string, exitCode = 137, phase = 'Running'): Pod =>
  withStatus('claimed', {
    phase,
    containerStatuses: [
      {
        name: 'browser',
        image: '',
        imageID: '',
        ready: false,
        restartCount: 0,
        state: { terminated: { exitCode, reason } },
      },
    ],
  });

describe('what took a sandbox away', () => {
  it.each<readonly [string, Pod, string | undefined]>([
    ['nothing', pod('claimed'), undefined],
    ['its browser, by itself', pod('crashed'), undefined],
    ['somebody who deleted it', pod('ending'), undefined],
    ['the taint of a node that does not answer', disrupted('ending', 'DeletionByTaintManager'), 'NodeLost'],
    ['the collector of what gone nodes leave', disrupted('ending', 'DeletionByPodGC'), 'NodeLost'],
    ['a drain', disrupted('ending', 'EvictionByEvictionAPI'), 'Evicted'],
    ['a Pod of higher priority', disrupted('ending', 'PreemptionByScheduler'), 'Evicted'],
    ['a node that is short of disk', withStatus('failed', { reason: 'Evicted' }), 'Evicted'],
    ['its own deadline', withStatus('failed', { reason: 'DeadlineExceeded' }), 'LifetimeExceeded'],
    ['its limit of memory', ended('OOMKilled'), 'OutOfMemory'],
    ['a signal', ended('Error'), undefined],
  ])('%s', (_, given, expected) => {
    expect(findLoss(given)).toBe(expected);
    expect(findLoss(keptOfPod(given))).toBe(expected);
  });
});

describe('the end of a browser', () => {
  it.each<readonly [string, Pod, boolean]>([
    ['that has not come yet', pod('claimed'), false],
    ['by a signal that cannot be refused', ended('Error'), true],
    ['that its node asked for', ended('Error', agentExitCodes.told), true],
    ['of its own accord', ended('Error', agentExitCodes.browserGone), false],
    ['with all of its Pod', ended('Error', 137, 'Failed'), false],
  ])('%s', (_, given, expected) => {
    expect(isUnexplained(given)).toBe(expected);
    expect(isUnexplained(keptOfPod(given))).toBe(expected);
  });
});

describe('a Pod that is not Ready', () => {
  const unready = (reason?: string): Pod =>
    withStatus('claimed', { conditions: [{ type: 'Ready', status: 'False', ...(reason && { reason }) }] });

  it.each<readonly [string, Pod, boolean]>([
    ['is what its kubelet says of it', unready('ContainersNotReady'), false],
    ['is what is made of a node that does not answer', unready(), true],
    ['is not one that is Ready', pod('warm'), false],
    ['is not one of which nobody has said anything', pod('claimed'), false],
  ])('%s', (_, given, expected) => {
    expect(isNodeSilent(given)).toBe(expected);
    expect(isNodeSilent(keptOfPod(given))).toBe(expected);
  });
});

describe('a warm sandbox that is about to be taken away', () => {
  it('is handed to nobody', () => {
    expect(classifySandbox(pod('warm'))).toBe('warm');
    expect(classifySandbox(disrupted('warm', 'EvictionByEvictionAPI'))).toBe('failed');
    expect(classifySandbox(keptOfPod(disrupted('warm', 'EvictionByEvictionAPI')))).toBe('failed');
  });

  it('is so by no fault of its own, but where its node had to do it', () => {
    expect(isDisplaced(disrupted('warm', 'EvictionByEvictionAPI'))).toBe(true);
    expect(isDisplaced(disrupted('warm', 'TerminationByKubelet'))).toBe(false);
    expect(isDisrupted(disrupted('warm', 'TerminationByKubelet'))).toBe(true);
  });
});

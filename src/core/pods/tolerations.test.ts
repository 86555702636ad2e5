import { describe, expect, it } from 'vitest';
import { nodeTroubleMs } from './tolerations.ts';

const unreachable = 'node.kubernetes.io/unreachable';

describe('how long a node may be silent', () => {
  it.each<readonly [string, Parameters<typeof nodeTroubleMs>[0], number]>([
    ['is half a minute without a word', [], 30_000],
    ['is not said by other tolerations', [{ key: 'gpu', tolerationSeconds: 5 }], 30_000],
    ['is not said by those of other effects', [{ key: unreachable, effect: 'NoSchedule' }], 30_000],
    ['is what is said', [{ key: unreachable, effect: 'NoExecute', tolerationSeconds: 300 }], 300_000],
    ['is what is said of all taints', [{ tolerationSeconds: 60 }], 60_000],
    ['is the shortest of several', [{ key: unreachable }, { tolerationSeconds: 60 }], 60_000],
    ['is for ever without a number', [{ key: unreachable }], Infinity],
    ['is no time at all by a negative one', [{ key: unreachable, tolerationSeconds: -1 }], 0],
  ])('%s', (_name, tolerations, expectedMs) => {
    expect(nodeTroubleMs(tolerations)).toBe(expectedMs);
  });
});

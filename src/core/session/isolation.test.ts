import { describe, expect, it } from 'vitest';
import { agentStatus, pool } from '../../../test/support/objects.ts';
import { isolationKinds, type AgentStatus, type IsolationKind } from '../../api/agent/wire.ts';
import { isolationDemands } from '../../api/v1alpha1/browser-pool.ts';
import { findWeakness, isolationCondition } from './isolation.ts';

const agent = (isolation: IsolationKind, sandboxed = true): AgentStatus => ({
  ...agentStatus,
  isolation,
  browser: { ...agentStatus.browser, sandboxed },
});
const weakness = (requirements: object, of: AgentStatus): string | undefined =>
  findWeakness(pool({ template: { requirements } }).spec.template, of);

describe('the condition Isolated', () => {
  it.each([
    ['LocalProcess', 'False'],
    ['Container', 'False'],
    ['GVisor', 'True'],
    ['VirtualMachine', 'True'],
  ] as const)('of a %s is %s', (isolation, status) => {
    expect(isolationCondition(agent(isolation))).toMatchObject({ type: 'Isolated', status, reason: isolation });
  });

  it('says whether Chromium’s own sandbox is on, of whichever kind', () => {
    for (const kind of isolationKinds) {
      expect(isolationCondition(agent(kind, true)).message).toMatch(/own sandbox is on\.$/);
      expect(isolationCondition(agent(kind, false)).message).toMatch(/own sandbox is off\.$/);
    }
  });
});

describe('a pool that demands', () => {
  it.each([
    ['None', ['LocalProcess', 'Container', 'GVisor', 'VirtualMachine']],
    ['SeparateKernel', ['GVisor', 'VirtualMachine']],
    ['VirtualMachine', ['VirtualMachine']],
  ] as const)('%s takes %j and nothing else', (isolation, strongEnough) => {
    const taken = isolationKinds.filter((kind) => weakness({ isolation }, agent(kind, false)) === undefined);
    expect(taken).toEqual(strongEnough);
  });

  it("Chromium's own sandbox takes none without it, however isolated", () => {
    expect(weakness({ browserSandbox: true }, agent('VirtualMachine', false))).toMatch(/seccompProfile/);
    expect(weakness({ browserSandbox: true }, agent('LocalProcess', true))).toBeUndefined();
  });

  it('says what it found and what was demanded', () => {
    const demanded = isolationDemands.filter((isolation) => isolation !== 'None');
    for (const isolation of demanded) {
      expect(weakness({ isolation }, agent('Container'))).toMatch(
        `shares the host kernel, and its pool demands ${isolation}`,
      );
    }
  });

  it('nothing by default', () => {
    expect(weakness({}, agent('LocalProcess', false))).toBeUndefined();
  });
});

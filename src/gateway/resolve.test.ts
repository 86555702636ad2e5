import { describe, expect, test } from 'vitest';
import { session } from '../../test/support/objects.ts';
import type { BrowserSessionStatus } from '../api/v1alpha1/browser-session.ts';
import { stageOf, type Stage } from './resolve.ts';

const sandbox = { podName: 'p', podUID: 'u', node: 'n', warm: true };

describe('the stage of a session', () => {
  test.each<[string, Partial<BrowserSessionStatus> | undefined, boolean, Stage]>([
    ['without a status', undefined, false, 'starting'],
    ['that is pending', { phase: 'Pending' }, false, 'starting'],
    ['that is starting', { phase: 'Starting', sandbox }, false, 'starting'],
    ['that is ready', { phase: 'Ready', sandbox }, false, 'ready'],
    ['that is ready without a sandbox', { phase: 'Ready' }, false, 'starting'],
    ['that is terminating', { phase: 'Terminating', sandbox }, false, 'over'],
    ['that has ended', { phase: 'Ended', sandbox }, false, 'over'],
    ['that is ready but being deleted', { phase: 'Ready', sandbox }, true, 'over'],
  ])('%s', (_what, status, isDeleted, stage) => {
    const over = isDeleted ? { deletionTimestamp: '2026-01-01T00:00:00.000Z' } : {};
    expect(stageOf(session({}, status, over))).toBe(stage);
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startFacadeWorld, type FacadeWorld } from '../../test/support/facade-world.ts';
import { createNoBlobs } from '../blobs/no-blobs.ts';
import { SandboxError, type SandboxErrorCode } from '../sandbox/port.ts';

let world: FacadeWorld;
afterEach(() => world[Symbol.asyncDispose]());

const switchIt = (id: string, what: 'start' | 'stop') =>
  world.api.call('POST', `/api/v1/browser/sessions/${id}/recording/${what}`);

describe('recordings without a place to keep them', () => {
  beforeEach(async () => void (world = await startFacadeWorld({ blobs: createNoBlobs('there is none') })));

  it('are not begun, listed or downloaded, and all of that is a 503 that can be told from others', async () => {
    const { id } = await world.api.create();
    let isAsked = false;
    world.agents.startRecording = () => {
      isAsked = true;
      return Promise.reject(new Error('nobody asks'));
    };
    const path = `/api/v1/browser/sessions/${id}`;
    const answers = [
      await switchIt(id, 'start'),
      await world.api.call('GET', `${path}/recordings`),
      await world.api.call('GET', `${path}/recording`),
    ];
    for (const answer of answers) {
      expect([answer.status, answer.problem().code]).toEqual([503, 'blobs_unavailable']);
      expect(answer.headers.get('retry-after')).toBe('5');
    }
    expect(isAsked).toBe(false);
  });
});

describe('what the sandbox says of a recording', () => {
  beforeEach(async () => void (world = await startFacadeWorld()));

  it.each<[SandboxErrorCode, number, string]>([
    ['capability', 503, 'sandbox_failed'],
    ['unreachable', 503, 'sandbox_failed'],
    ['spent', 503, 'sandbox_failed'],
    ['recording_runs', 409, 'recording_running'],
    ['no_recording', 404, 'not_found'],
  ])('%s is a %d %s', async (code, status, problem) => {
    const { id } = await world.api.create();
    const refuse = (): Promise<never> => Promise.reject(new SandboxError(code, 'recording: there is no ffmpeg'));
    Object.assign(world.agents, { startRecording: refuse, stopRecording: refuse });
    for (const what of ['start', 'stop'] as const) {
      const answer = await switchIt(id, what);
      expect([answer.status, answer.problem().code]).toEqual([status, problem]);
      // Only what the caller can do something about is told.
      expect(answer.problem().message.includes('ffmpeg')).toBe(code === 'capability');
    }
  });

  it('does not matter while the browser still starts', async () => {
    world.fate = 'pending';
    const making = world.api.call('POST', '/api/v1/browser/sessions');
    await expect.poll(async () => (await world.sessions()).length).toBe(1);
    const id = (await world.sessions())[0]?.metadata.uid ?? '';
    await expect.poll(() => world.api.statusOf(id)).toBe(200);
    for (const what of ['start', 'stop'] as const) {
      const answer = await switchIt(id, what);
      expect([answer.status, answer.problem().code]).toEqual([503, 'sandbox_failed']);
    }
    await making;
  });
});

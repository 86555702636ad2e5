import type { Readable } from 'node:stream';
import { z } from 'zod';
import { paths } from '../api/agent/contract.ts';
import type { AgentRecording, StartRecordingRequest, StopRecordingRequest } from '../api/agent/wire.ts';
import { answers } from './answers.ts';
import type { SandboxRef } from './port.ts';

export interface RecordingPart {
  readonly recordingId: string;
  /** Byte of the fragmented MP4 to begin at. */
  readonly from: number;
}

/** Calls about the recordings of a sandbox; all but the first also when its session has ended. */
export interface RecordingCalls {
  /** Resolves when the first picture is in it. `recording_runs` unless it is this very one; `capability`. */
  startRecording(sandbox: SandboxRef, recordingId: string, signal: AbortSignal): Promise<AgentRecording>;
  /** Resolves once it is whole. `no_recording` when none runs. */
  stopRecording(
    sandbox: SandboxRef,
    reason: StopRecordingRequest['reason'],
    signal: AbortSignal,
  ): Promise<AgentRecording>;
  recordings(sandbox: SandboxRef, signal: AbortSignal): Promise<readonly AgentRecording[]>;
  /** The fragmented MP4, followed until it ends. The body fails when the sandbox goes silent. `no_recording`. */
  followRecording(sandbox: SandboxRef, part: RecordingPart, signal: AbortSignal): Promise<Readable>;
  /** The MP4 that replaces it. `no_recording` when there is none. */
  finalRecording(sandbox: SandboxRef, recordingId: string, signal: AbortSignal): Promise<Readable>;
  /** It is kept elsewhere: the sandbox may forget it. */
  recordingIsKept(sandbox: SandboxRef, recordingId: string, signal: AbortSignal): Promise<void>;
  /** Resolves once it is kept elsewhere. `no_recording` when it never was here. */
  whenRecordingIsKept(sandbox: SandboxRef, recordingId: string, signal: AbortSignal): Promise<void>;
}

interface ControlCall<T> {
  readonly purpose: 'control';
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: object;
  readonly answer: z.ZodType<T>;
}

export interface RecordingCallsOptions {
  readonly ask: <T>(sandbox: SandboxRef, call: ControlCall<T>, signal: AbortSignal) => Promise<T>;
  /** GETs a body without end. */
  readonly open: (sandbox: SandboxRef, path: string, signal: AbortSignal) => Promise<Readable>;
}

const nothing = z.object({});

export function createRecordingCalls({ ask, open }: RecordingCallsOptions): RecordingCalls {
  const at = (recordingId: string, query = ''): string => `${paths.recordings}/${recordingId}${query}`;
  const call = { purpose: 'control', method: 'GET' } as const;
  return {
    startRecording: (sandbox, recordingId, signal) => {
      const body: StartRecordingRequest = { recordingId };
      const path = paths.recordings;
      return ask(sandbox, { ...call, method: 'POST', path, body, answer: answers.recording }, signal);
    },
    stopRecording: (sandbox, reason, signal) => {
      const body: StopRecordingRequest = { reason };
      const path = paths.stopRecording;
      return ask(sandbox, { ...call, method: 'POST', path, body, answer: answers.recording }, signal);
    },
    recordings: (sandbox, signal) =>
      ask(sandbox, { ...call, path: paths.recordings, answer: answers.recordings }, signal),
    followRecording: (sandbox, { recordingId, from }, signal) =>
      open(sandbox, at(recordingId, `?from=${from}`), signal),
    finalRecording: (sandbox, recordingId, signal) => open(sandbox, at(recordingId, '?part=final'), signal),
    recordingIsKept: async (sandbox, recordingId, signal) => {
      await ask(sandbox, { ...call, method: 'DELETE', path: at(recordingId), answer: nothing }, signal);
    },
    whenRecordingIsKept: async (sandbox, recordingId, signal) => {
      await ask(sandbox, { ...call, path: at(recordingId, '?part=kept'), answer: nothing }, signal);
    },
  };
}

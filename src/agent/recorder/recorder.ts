import { mkdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import path from 'node:path';
import type { AgentRecording, RecordingStop } from '../../api/agent/wire.ts';
import type { Log } from '../log.ts';
import { Refusal } from '../server/refusal.ts';
import { startRecording, type Recording } from './recording.ts';

export interface RecorderOptions {
  /** Path of ffmpeg; undefined when there is none. */
  readonly program: string | undefined;
  /** DISPLAY and XAUTHORITY; undefined when the browser is headless. */
  readonly screen: Readonly<Record<string, string>> | undefined;
  /** Folder of the sandbox's own. */
  readonly workDir: string;
  readonly framesPerSecond: number;
  /** Bytes at which a recording ends. */
  readonly maxBytes: number;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly log: Log;
}

/** The recordings of this sandbox: one at a time, each kept until somebody else has it. */
export interface Recorder {
  /** Begins one; resolves when it has its first picture. Throws `capability_failed`, or `recording_runs` unless it is that very one. */
  begin(recordingId: string): Promise<AgentRecording>;
  /** Ends the one that runs; resolves when it is whole. Throws `no_recording`. */
  stop(reason: RecordingStop): Promise<AgentRecording>;
  list(): readonly AgentRecording[];
  /** Throws `no_recording`. */
  find(recordingId: string): Recording;
  /** Somebody else has it now. That there is none is fine. */
  forget(recordingId: string): Promise<void>;
  /** Resolves once somebody else has it, or nobody waits any more. Throws `no_recording` for one that never was. */
  whenKept(recordingId: string, signal: AbortSignal): Promise<void>;
  /** Somebody is reading, or has just asked. */
  noteReader(): void;
  /** Ends what runs, and waits for whoever reads it, as long as there seems to be somebody and never for long. */
  conclude(reason: RecordingStop): Promise<void>;
}

const noProgram =
  'recording: there is no ffmpeg in the sandbox. Install it (Debian: apt-get install ffmpeg), or leave the capability out.';
const noScreen =
  'recording: the browser is headless, and there is no screen to record. Install TigerVNC (Debian: tigervnc-standalone-server) and let the display be auto or headful, or leave the capability out.';

/** Milliseconds for which an agent that ends keeps recordings for a reader: at most, and after the last sign of one. */
const linger = { mostMs: 10_000, quietMs: 2_000, lookEveryMs: 20 } as const;
export function createRecorder(options: RecorderOptions): Recorder {
  const recordings = new Map<string, Recording>();
  const kept = new Map<string, PromiseWithResolvers<void>>();
  let lastReaderAt = -Infinity;

  const running = (): Recording | undefined => recordings.values().find((each) => each.facts().status === 'recording');
  const take = (recordingId: string): Recording => {
    const known = recordings.get(recordingId);
    if (known) return known;
    if (running()) throw new Refusal('recording_runs', 'A recording runs already; stop it first.');
    const recording = launch(options, recordingId);
    recordings.set(recordingId, recording);
    kept.set(recordingId, Promise.withResolvers());
    return recording;
  };

  return {
    find: (recordingId) => recordings.get(recordingId) ?? refuseUnknown(),
    list: () =>
      recordings
        .values()
        .map((recording) => recording.facts())
        .toArray(),
    begin: async (recordingId) => {
      const recording = take(recordingId);
      try {
        await recording.isRunning;
      } catch (cause) {
        recordings.delete(recordingId);
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new Refusal('capability_failed', `recording: ${why}`, { cause });
      }
      return recording.facts();
    },
    stop: async (reason) => {
      const recording = running();
      if (!recording) throw new Refusal('no_recording', 'No recording runs.');
      await recording.stop(reason);
      return recording.facts();
    },
    forget: async (recordingId) => {
      const recording = recordings.get(recordingId);
      recordings.delete(recordingId);
      await recording?.remove();
      kept.get(recordingId)?.resolve();
    },
    whenKept: async (recordingId, signal) => {
      const { promise } = kept.get(recordingId) ?? refuseUnknown();
      await Promise.race([promise, aborted(signal)]);
    },
    noteReader: () => void (lastReaderAt = performance.now()),
    conclude: async (reason) => {
      if (recordings.size === 0) return;
      const startedAt = performance.now();
      await Promise.race([running()?.stop(reason), delay(linger.mostMs, undefined, { ref: false })]);
      lastReaderAt = Math.max(lastReaderAt, performance.now());
      const isWorthIt = (at: number): boolean => at - startedAt < linger.mostMs && at - lastReaderAt < linger.quietMs;
      while (recordings.size > 0 && isWorthIt(performance.now())) await delay(linger.lookEveryMs);
      if (recordings.size > 0) options.log(40, 'recordings end with the sandbox', { left: [...recordings.keys()] });
    },
  };
}

function launch(options: RecorderOptions, recordingId: string): Recording {
  const { program, screen, workDir } = options;
  if (!screen) throw new Refusal('capability_failed', noScreen);
  if (program === undefined) throw new Refusal('capability_failed', noProgram);
  const folder = path.join(workDir, 'recordings');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return startRecording({ ...options, program, env: screen, folder, recordingId });
}

function refuseUnknown(): never {
  throw new Refusal('no_recording', 'There is no such recording here.');
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

import { rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { AgentRecording, RecordingStop } from '../../api/agent/wire.ts';
import type { Log } from '../log.ts';
import { firstBytes, remux, startCapture, type CaptureOptions } from './ffmpeg.ts';
import { createGrowingFile } from './growing-file.ts';

export interface RecordingOptions extends CaptureOptions {
  readonly recordingId: string;
  /** Where its files lie; gone with the sandbox. */
  readonly folder: string;
  /** Bytes at which it ends. */
  readonly maxBytes: number;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly log: Log;
}

/** One recording: of the screen into a file, and out of it again for whoever keeps it. */
export interface Recording {
  facts(): AgentRecording;
  /** Resolves when the first picture is in it; rejects when there will be none. */
  readonly isRunning: Promise<void>;
  /** Ends it. Resolves when it is whole: all of it written, and the final MP4 made, if it can be. */
  stop(reason: RecordingStop): Promise<void>;
  /** The fragmented MP4 from byte `from`, followed for as long as it grows. */
  read(from: number, signal: AbortSignal): AsyncGenerator<Buffer>;
  /** Path of the final MP4, once the recording is whole; undefined when it could not be made. */
  finalFile(): Promise<string | undefined>;
  /** Removes its files. */
  remove(): Promise<void>;
}

interface Ending {
  readonly stopReason: RecordingStop;
  readonly stoppedAtMs: number;
}

export function startRecording(options: RecordingOptions): Recording {
  const { recordingId, folder, maxBytes, now, log } = options;
  const file = path.join(folder, `${recordingId}.mp4`);
  const finalPath = path.join(folder, `${recordingId}.final.mp4`);
  const capture = startCapture(options);
  let startedAtMs = now();
  let ending: Ending | undefined;
  let finalBytes: number | undefined;

  const halt = (stopReason: RecordingStop): void => {
    if (ending) return;
    ending = { stopReason, stoppedAtMs: now() };
    capture.stop();
  };
  const growing = createGrowingFile(file, (error) => {
    log(40, 'a recording cannot be written', { recordingId, error: error.message });
    halt('RecorderFailed');
  });
  const isRunning = firstBytes(capture);
  isRunning.then(
    () => (startedAtMs = now()), // of its first picture
    () => undefined,
  );
  capture.output.on('data', (chunk: Buffer) => {
    growing.append(chunk);
    if (growing.bytes >= maxBytes) halt('SizeLimit');
  });
  const finish = async (): Promise<void> => {
    const said = await capture.ended;
    if (!ending) log(40, 'ffmpeg ended by itself', { recordingId, said });
    halt('RecorderFailed');
    await growing.complete();
    await remux({ ...options, from: file, to: finalPath });
    finalBytes = (await stat(finalPath)).size;
  };
  const whole = finish().catch((error: unknown) => {
    log(40, 'a recording stays in fragments', { recordingId, error: String(error) });
  });

  return {
    isRunning,
    finalFile: async () => {
      await whole;
      return finalBytes === undefined ? undefined : finalPath;
    },
    facts: () => ({
      ...{ recordingId, startedAtMs, bytes: growing.bytes, status: ending ? 'stopped' : 'recording' },
      ...ending,
      ...(finalBytes !== undefined && { finalBytes }),
    }),
    stop: (reason) => {
      halt(reason);
      return whole;
    },
    read: (from, signal) => growing.read(from, signal),
    remove: async () => {
      await Promise.all([file, finalPath].map((each) => rm(each, { force: true })));
    },
  };
}

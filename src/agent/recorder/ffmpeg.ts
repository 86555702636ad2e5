import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants, getPriority, setPriority } from 'node:os';
import type { Readable } from 'node:stream';

export interface CaptureOptions {
  /** Path of ffmpeg. */
  readonly program: string;
  /** DISPLAY and XAUTHORITY of the screen, which is recorded in whatever size it has. */
  readonly env: Readonly<Record<string, string>>;
  readonly workDir: string;
  readonly framesPerSecond: number;
}

/** A screen on its way into a fragmented MP4. */
export interface Capture {
  /** H.264 in fragments of a second, each whole as soon as it is there; ends when the capture does. */
  readonly output: Readable;
  /** Asks for the last fragment and the end. */
  stop(): void;
  /** Resolves once nothing more comes, with what ffmpeg complained of. */
  readonly ended: Promise<string>;
}

/** So far below everything else in the sandbox, as nice(1) has it: a recording may lose frames, the browser must not lose time. */
const niceness = 10;
const { PRIORITY_LOW: lowest } = constants.priority;
const fragmentSeconds = 1;
const keyframeSeconds = 2;

/**
 * https://ffmpeg.org/ffmpeg-devices.html#x11grab, https://ffmpeg.org/ffmpeg-formats.html#mov_002c-mp4_002c-ismv.
 * `zerolatency`: no frame waits in the encoder for later ones, so that what has been seen is what has been written.
 */
function captureArguments({ framesPerSecond, env }: CaptureOptions): string[] {
  return [
    ...['-hide_banner', '-loglevel', 'error', '-nostdin'],
    // The format of a screen is known: looking for it takes 100 ms.
    ...['-probesize', '32', '-analyzeduration', '0'],
    ...['-f', 'x11grab', '-framerate', String(framesPerSecond), '-i', env['DISPLAY'] ?? ''],
    // An odd screen has a row or column that 4:2:0 cannot hold.
    ...['-vf', 'crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0'],
    ...['-c:v', 'libx264', '-preset', 'veryfast', '-tune', 'zerolatency', '-pix_fmt', 'yuv420p', '-threads', '1'],
    ...['-g', String(keyframeSeconds * framesPerSecond)],
    ...['-movflags', '+frag_keyframe+empty_moov+default_base_moof', '-frag_duration', String(fragmentSeconds * 1e6)],
    ...['-flush_packets', '1', '-f', 'mp4', 'pipe:1'],
  ];
}

function start(program: string, args: readonly string[], { env, workDir }: Pick<CaptureOptions, 'env' | 'workDir'>) {
  const child = spawn(program, args, {
    cwd: workDir,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8', HOME: workDir, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  try {
    if (child.pid !== undefined) setPriority(child.pid, Math.min(lowest, getPriority() + niceness));
  } catch {
    // It ended at once; its end says why.
  }
  return child;
}

const longestComplaint = 2_000;

/** Resolves when it is gone and all it wrote was read, with how it ended, and what it said last. */
function endOf(child: ChildProcess): Promise<{ readonly code: number | null; readonly said: string }> {
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-longestComplaint)));
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: null, said: error.message }));
    child.once('close', (code) => resolve({ code, said: said.trim() }));
  });
}

/** It takes 100 ms. What it has not written by then is the last second. */
const stopLimitMs = 3_000;

export function startCapture(options: CaptureOptions): Capture {
  const child = start(options.program, captureArguments(options), options);
  const ended = endOf(child);
  return {
    output: child.stdout,
    stop: () => {
      child.kill('SIGINT');
      const limit = setTimeout(() => child.kill('SIGKILL'), stopLimitMs);
      void ended.then(() => clearTimeout(limit));
    },
    ended: ended.then(({ said }) => said),
  };
}

export interface RemuxOptions {
  readonly program: string;
  readonly workDir: string;
  readonly from: string;
  readonly to: string;
}

/** Longer than any disk takes for a recording of the largest size. */
const remuxLimitMs = 60_000;

/** Makes an ordinary MP4 of a fragmented one: the same pictures, the index in front, so that players can jump in it at once. */
export async function remux({ program, workDir, from, to }: RemuxOptions): Promise<void> {
  const args = ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y', '-i', from, '-c', 'copy'];
  const child = start(program, [...args, '-movflags', '+faststart', '-f', 'mp4', to], { env: {}, workDir });
  child.stdout.resume();
  const limit = setTimeout(() => child.kill('SIGKILL'), remuxLimitMs);
  const { code, said } = await endOf(child);
  clearTimeout(limit);
  if (code !== 0) throw new Error(`ffmpeg could not rewrite the recording: ${said}`);
}

/** Resolves when the first bytes come, for whoever else listens too; rejects with ffmpeg's words when it ends before. */
export async function firstBytes({ output, ended }: Capture): Promise<void> {
  const gone = ended.then((said) => {
    throw new Error(`ffmpeg ended before it recorded anything: ${said}`);
  });
  await Promise.race([once(output, 'data'), gone]);
}

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What is in an MP4, as ffmpeg decodes it. */
export interface Video {
  readonly codec: string;
  readonly pixelFormat: string;
  readonly width: number;
  readonly height: number;
  /** Seconds, as the file says. */
  readonly duration: number;
  /** One a second, from the first on; there may be one more than there are seconds. */
  readonly frames: readonly Frame[];
  /** What ffmpeg complained of while it decoded every picture; empty: of nothing. */
  readonly complaints: string;
}

export interface Frame {
  /** Brightness, 0 … 255. */
  readonly brightness: number;
  /** Middle of what is purely red, in pixels from the left; undefined: nothing is. */
  readonly markX: number | undefined;
}

interface Probed {
  readonly streams: readonly {
    readonly codec_name: string;
    readonly pix_fmt: string;
    readonly width: number;
    readonly height: number;
  }[];
  readonly format: { readonly duration: string };
}

/** Pictures are looked at in a quarter of their width and height. */
const scale = 4;
const framesPerSecond = 1;

function toFrame(pixels: Uint8Array, width: number): Frame {
  let sum = 0;
  let red = 0;
  let reds = 0;
  for (let at = 0; at < pixels.length; at += 3) {
    const [r = 0, g = 0, b = 0] = pixels.subarray(at, at + 3);
    sum += (r + g + b) / 3;
    if (r > 150 && g < 70 && b < 70) {
      red += ((at / 3) % width) * scale;
      reds += 1;
    }
  }
  return { brightness: sum / (pixels.length / 3), markX: reds > 50 ? red / reds : undefined };
}

/** Decodes all of it. Throws what ffprobe says of what it cannot read. */
export function readVideo(bytes: Uint8Array): Video {
  const folder = mkdtempSync(join(tmpdir(), 'porthole-video-'));
  try {
    const file = join(folder, 'video.mp4');
    writeFileSync(file, bytes);
    const probe = ['-v', 'error', '-of', 'json', '-show_streams', '-show_format', file];
    const { streams, format } = JSON.parse(execFileSync('ffprobe', probe, { encoding: 'utf8' })) as Probed;
    const [stream] = streams;
    if (!stream) throw new Error('there is no picture in it');
    const size = { width: Math.floor(stream.width / scale), height: Math.floor(stream.height / scale) };
    const filter = `fps=${framesPerSecond}:round=up:start_time=0,scale=${size.width}:${size.height}:flags=neighbor`;
    const decode = ['-v', 'error', '-i', file, '-vf', filter, '-f', 'rawvideo', '-pix_fmt', 'rgb24', 'pipe:1'];
    const { stdout, stderr } = spawnSync('ffmpeg', decode, { maxBuffer: 1024 * 1024 * 1024 });
    const length = size.width * size.height * 3;
    const frames = Array.from({ length: Math.floor(stdout.length / length) }, (_, i) =>
      toFrame(stdout.subarray(i * length, (i + 1) * length), size.width),
    );
    return {
      codec: stream.codec_name,
      pixelFormat: stream.pix_fmt,
      width: stream.width,
      height: stream.height,
      duration: Number(format.duration),
      frames,
      complaints: stderr.toString(),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

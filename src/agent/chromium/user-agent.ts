import { execFile } from 'node:child_process';
import type { Identity } from '../../lib/privileges.ts';

interface Brand {
  readonly brand: string;
  readonly version: string;
}

/** Parameters of https://chromedevtools.github.io/devtools-protocol/tot/Emulation/#method-setUserAgentOverride */
export interface UserAgentOverride {
  readonly userAgent: string;
  readonly userAgentMetadata: UserAgentMetadata;
}

interface UserAgentMetadata {
  readonly brands: readonly Brand[];
  readonly fullVersionList: readonly Brand[];
  readonly fullVersion: string;
  readonly platform: string;
  readonly platformVersion: string;
  readonly architecture: string;
  readonly bitness: string;
  readonly model: string;
  readonly mobile: boolean;
  readonly wow64: boolean;
  readonly formFactors: readonly string[];
}

const greaseCharacters = [' ', '(', ':', '-', '.', '/', ')', ';', '=', '?', '_'];
const greaseVersions = ['8', '99', '24'];

const at = (list: readonly string[], index: number): string => list[index % list.length] ?? '';

/**
 * The brand that nobody has, by which browsers keep sites from relying on the list. Which one, and where it stands, follows from the
 * major version, so that a browser always says the same: https://wicg.github.io/ua-client-hints/#grease
 */
function withGrease(major: number, real: Brand, isFull: boolean): Brand[] {
  const brand = `Not${at(greaseCharacters, major)}A${at(greaseCharacters, major + 1)}Brand`;
  const version = `${at(greaseVersions, major)}${isFull ? '.0.0.0' : ''}`;
  return major % 2 === 0 ? [{ brand, version }, real] : [real, { brand, version }];
}

/** As the client hints call Node's `process.arch`. */
const architectures: Readonly<Record<string, string>> = { x64: 'x86', ia32: 'x86', arm64: 'arm', arm: 'arm' };

/** What a Chromium with a window says of itself. `version` is its full one, e.g. `156.0.8078.79`. */
export function buildUserAgent(version: string, arch: string): UserAgentOverride {
  const major = majorOf(version);
  const grease = (it: string, isFull: boolean): Brand[] =>
    withGrease(Number(major), { brand: 'Chromium', version: it }, isFull);
  return {
    userAgent: userAgentOf(version),
    userAgentMetadata: {
      brands: grease(major, false),
      fullVersionList: grease(version, true),
      fullVersion: version,
      platform: 'Linux',
      platformVersion: '',
      architecture: architectures[arch] ?? '',
      bitness: arch.endsWith('64') ? '64' : '32',
      model: '',
      mobile: false,
      wow64: false,
      formFactors: ['Desktop'],
    },
  };
}

const majorOf = (version: string): string => version.split('.')[0] ?? '';

/**
 * Of a browser of that full version, with nothing about its having no window. The same on every Linux since it was reduced:
 * https://www.chromium.org/updates/ua-reduction/
 */
export function userAgentOf(version: string): string {
  return `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${majorOf(version)}.0.0.0 Safari/537.36`;
}

export interface Asking {
  /** Undefined: whoever asks. */
  readonly owner: Identity | undefined;
  readonly home: string;
}

const patienceMs = 3_000;

/**
 * The full version of a browser that is not running yet; undefined when it does not say. Asking takes 30 ms. It is needed that early, for only
 * a flag reaches what shared and service workers say: CDP changes the user agent in pages and their workers alone.
 */
export function askVersion(chromium: string, { owner, home }: Asking): Promise<string | undefined> {
  return new Promise((resolve) => {
    const options = { ...owner, env: { HOME: home }, timeout: patienceMs };
    execFile(chromium, ['--version'], options, (_error, said) => {
      resolve(/\b\d+(\.\d+){3}\b/.exec(said)?.[0]);
    });
  });
}

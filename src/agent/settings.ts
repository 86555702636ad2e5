import { devtoolsPorts, env } from '../api/agent/contract.ts';
import type { Requirements } from '../api/agent/requirements.ts';
import { parseRunAs, type Identity } from '../lib/privileges.ts';

/** auto: headful where there is an Xvnc, else headless. */
export const displays = ['auto', 'headful', 'headless'] as const;
export type DisplayChoice = (typeof displays)[number];

/** What a sandbox pod tells its agent; names in api/agent/contract. */
export interface AgentSettings {
  readonly podUid: string;
  readonly podIp: string;
  /** Ed25519 public key, base64url SPKI DER. Decoded when the browser is on its way. */
  readonly ticketKey: string;
  /** Default auto. */
  readonly display: DisplayChoice;
  /** Path of the browser. Default Debian's. */
  readonly chromium: string;
  /** Undefined: the browser has to be asked. */
  readonly chromiumVersion: string | undefined;
  /** Default the first of `devtoolsPorts`. */
  readonly devtoolsPort: number;
  /** Absolute path of a folder that is this pod's alone. */
  readonly workDir: string;
  /** Whether the pod was started as processes of a machine, by a node that says so. */
  readonly isLocalProcess: boolean;
  /** What its pool demands of it; a sandbox that is less ends itself. */
  readonly requirements: Requirements;
  readonly runAs: Identity | undefined;
  /** Where programs are looked for. */
  readonly searchPath: string;
  /** Frames per second of recordings. Default 10. */
  readonly recordingRate: number;
  /** Bytes at which a recording ends. Default 1 GiB. */
  readonly recordingMaxBytes: number;
  readonly isVerbose: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

const defaultSearchPath = '/usr/local/bin:/usr/bin:/bin';

function parseNonEmpty(text: string): string {
  if (text === '') throw new Error('it must be set');
  return text;
}

function parsePath(text: string): string {
  if (!text.startsWith('/')) throw new Error('it must be an absolute path');
  return text;
}

function parseVersion(text: string): string {
  if (!/^\d+(\.\d+){3}$/.test(text)) throw new Error('it must be four numbers with dots between them');
  return text;
}

function parseDisplay(text: string): DisplayChoice {
  const choice = displays.find((display) => display === text);
  if (!choice) throw new Error(`"${text}" is none of ${displays.join(', ')}`);
  return choice;
}

/** As in the schema of a pool, which the agent does not load. */
const demands = ['None', 'SeparateKernel', 'VirtualMachine'] as const;

function parseDemand(text: string): Requirements['isolation'] {
  const demand = demands.find((known) => known === text);
  if (!demand) throw new Error(`"${text}" is none of ${demands.join(', ')}`);
  return demand;
}

function parseDevtoolsPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  const { first, last } = devtoolsPorts;
  if (port < first || port > last) throw new Error(`it must be a port between ${first} and ${last}`);
  return port;
}

function parseWhole(text: string, most: number): number {
  const number = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > most) throw new Error(`it must be a whole number between 1 and ${most}`);
  return number;
}

/** Throws naming the variable and what is allowed. */
export function parseAgentSettings(environment: Environment): AgentSettings {
  const read = <T>(name: string, fallback: string, parse: (text: string) => T): T => {
    try {
      return parse(environment[name] ?? fallback);
    } catch (cause) {
      throw new Error(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  };
  return {
    podUid: read(env.podUid, '', parseNonEmpty),
    podIp: read(env.podIp, '', parseNonEmpty),
    ticketKey: read(env.ticketKey, '', parseNonEmpty),
    display: read(env.display, 'auto', parseDisplay),
    chromium: read(env.chromium, '/usr/bin/chromium', parsePath),
    chromiumVersion: environment[env.chromiumVersion] ? read(env.chromiumVersion, '', parseVersion) : undefined,
    devtoolsPort: read(env.devtoolsPort, String(devtoolsPorts.first), parseDevtoolsPort),
    workDir: read(env.workDir, '', parsePath),
    isLocalProcess: environment[env.isolation] === 'LocalProcess',
    requirements: {
      isolation: read(env.requireIsolation, 'None', parseDemand),
      browserSandbox: environment[env.requireBrowserSandbox] === 'true',
    },
    runAs: environment[env.runAs] ? read(env.runAs, '', parseRunAs) : undefined,
    searchPath: environment['PATH'] ?? defaultSearchPath,
    recordingRate: read(env.recordingRate, '10', (text) => parseWhole(text, 60)),
    recordingMaxBytes: read(env.recordingMaxBytes, String(2 ** 30), (text) => parseWhole(text, 2 ** 40)),
    isVerbose: ['debug', 'trace'].includes(environment[env.logLevel] ?? ''),
  };
}

import { dataHomeFolder } from './data-home.ts';
import { facadeKnobs, gatewayKnobs, nodeKnobs, operatorKnobs } from './process-knobs.ts';
import { readKnobs, type Parsed, type ReadInput, type Settings, type Spoken } from './read-knobs.ts';
import type { KnobTable } from './knob.ts';

export type OperatorConfig = Readonly<Settings<typeof operatorKnobs>>;
export type FacadeConfig = Readonly<Settings<typeof facadeKnobs>>;
export type GatewayConfig = Readonly<Settings<typeof gatewayKnobs>>;
export type NodeConfig = Readonly<Settings<typeof nodeKnobs>>;

/** What a process is told, and what it can find out about the place it runs in. */
export interface Surroundings extends Spoken {
  /** Namespace of the Pod that it runs in; undefined outside of Kubernetes. */
  readonly ownNamespace: string | undefined;
  readonly hostName: string;
}

const defaultSystemNamespace = 'porthole-system';

function systemOf({ ownNamespace }: Surroundings): { readonly systemNamespace: string } {
  return { systemNamespace: ownNamespace ?? defaultSystemNamespace };
}

function parse<T extends KnobTable>(input: ReadInput<T>): Parsed<Settings<T>> {
  const { settings, problems } = readKnobs(input);
  return settings && problems.length === 0 ? { ok: true, config: settings } : { ok: false, problems };
}

export function parseOperatorConfig(around: Surroundings): Parsed<OperatorConfig> {
  return parse({ ...around, role: 'operator', table: operatorKnobs, presets: systemOf(around) });
}

export function parseFacadeConfig(around: Surroundings): Parsed<FacadeConfig> {
  return parse({ ...around, role: 'facade', table: facadeKnobs, presets: systemOf(around) });
}

export function parseGatewayConfig(around: Surroundings): Parsed<GatewayConfig> {
  return parse({ ...around, role: 'gateway', table: gatewayKnobs, presets: systemOf(around) });
}

export function parseNodeConfig(around: Surroundings): Parsed<NodeConfig> {
  const presets = { dataDir: dataHomeFolder(around.env, 'porthole-node'), nodeName: nodeNameOf(around.hostName) };
  return parse({ ...around, role: 'node', table: nodeKnobs, presets });
}

/** A host's name may hold what a Node's may not. */
function nodeNameOf(hostName: string): string {
  const words = hostName.toLowerCase().split(/[^a-z0-9]+/);
  return ['porthole', ...words.filter(Boolean)].join('-').slice(0, 63).replace(/-$/, '');
}

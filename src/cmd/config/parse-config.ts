import { dataHomeFolder } from './data-home.ts';
import { knobs } from './knobs.ts';
import { readKnobs, type Environment, type Parsed, type Settings } from './read-knobs.ts';

type ParsedKnobs = Settings<typeof knobs>;
type WarmBounds = 'warmMin' | 'warmMax' | 'maxSandboxes';
type Bounds = Readonly<Record<WarmBounds, number>>;

/** Settings none of whose bounds is left open. */
export type FittedBounds<T> = Readonly<Omit<T, WarmBounds>> & Bounds;

/** The settings of embedded mode; every field is the knob of the same name. */
export type EmbeddedConfig = FittedBounds<ParsedKnobs>;

/** Bounds that nobody has set follow those that somebody has, so that setting one of them is enough. */
export function fitBounds<T extends Pick<ParsedKnobs, WarmBounds>>(parsed: T): FittedBounds<T> {
  const maxSandboxes = parsed.maxSandboxes ?? Math.max(20, parsed.warmMin ?? 0, parsed.warmMax ?? 0);
  const warmMax = parsed.warmMax ?? Math.max(Math.min(4, maxSandboxes), parsed.warmMin ?? 0);
  return { ...parsed, maxSandboxes, warmMax, warmMin: parsed.warmMin ?? Math.min(1, warmMax) };
}

type Ports = Pick<ParsedKnobs, 'apiPort' | 'gatewayPort' | 'metricsPort'>;

/** Settings that cannot be true together, in sentences. */
export function findContradictions(config: Bounds & Ports): string[] {
  const above = (low: WarmBounds, high: WarmBounds): string[] =>
    config[low] <= config[high]
      ? []
      : [`${knobs[low].name} (${config[low]}) may not be above ${knobs[high].name} (${config[high]}).`];
  const ports = (['apiPort', 'gatewayPort', 'metricsPort'] as const).map(
    (key) => [knobs[key].name, config[key]] as const,
  );
  const samePorts = ports.flatMap(([name, port], i) => {
    const earlier = ports.slice(0, i).find(([, other]) => other === port && port !== 0);
    return earlier ? [`${earlier[0]} and ${name} are both ${port}; give each a port of its own.`] : [];
  });
  return [...above('warmMin', 'warmMax'), ...above('warmMax', 'maxSandboxes'), ...samePorts];
}

/** The settings that flags and environment ask for. Pure. `argv` is what follows the role. Relative paths stay relative. */
export function parseConfig(argv: readonly string[], env: Environment): Parsed<EmbeddedConfig> {
  const presets = { dataDir: dataHomeFolder(env, 'porthole') };
  const { settings, problems } = readKnobs({ role: 'embedded', table: knobs, argv, env, presets });
  if (!settings) return { ok: false, problems };
  const config = fitBounds(settings);
  problems.push(...findContradictions(config));
  return problems.length > 0 ? { ok: false, problems } : { ok: true, config };
}

import { clusterKnobs } from './cluster-knobs.ts';
import { dataHomeFolder } from './data-home.ts';
import { findContradictions, fitBounds, type FittedBounds } from './parse-config.ts';
import { readKnobs, type Environment, type Parsed, type Settings } from './read-knobs.ts';

type Knobs = FittedBounds<Settings<typeof clusterKnobs>>;

/** The settings of `npm run cluster`; every field is the knob of the same name. */
export interface ClusterConfig extends Omit<Knobs, 'node' | 'runtime'> {
  readonly node: 'process' | 'kubelet';
  readonly runtime: 'runc' | 'gvisor';
}

/** Who names a runtime wants a node that has one. */
function chooseNode(knobs: Knobs): ClusterConfig {
  const { node = knobs.runtime === undefined ? 'process' : 'kubelet', runtime = 'runc' } = knobs;
  return { ...knobs, node, runtime };
}

function findNodeContradictions({ node, runtime, useExistingCluster }: Knobs): readonly string[] {
  const { node: nodeKnob, runtime: runtimeKnob, useExistingCluster: existing } = clusterKnobs;
  const hasKubelet = node === 'kubelet' || (node === undefined && runtime !== undefined);
  return [
    ...(node === 'process' && runtime !== undefined
      ? [`${runtimeKnob.name} (${runtime}) is of a kubelet; take it away, or set ${nodeKnob.name} to kubelet.`]
      : []),
    ...(hasKubelet && useExistingCluster === 'yes'
      ? [
          `A cluster that exists has its own nodes: ${existing.name} and ${nodeKnob.name}=kubelet cannot be had together.`,
        ]
      : []),
  ];
}

/** `--use-existing-cluster` alone means yes. */
function completeSwitch(argv: readonly string[]): readonly string[] {
  const { flag } = clusterKnobs.useExistingCluster;
  return argv.map((word, i) => {
    const next = argv[i + 1];
    return word === flag && (next === undefined || next.startsWith('--')) ? `${flag}=yes` : word;
  });
}

/** The settings that flags and environment ask for. Pure. Relative paths stay relative. */
export function parseClusterConfig(argv: readonly string[], env: Environment): Parsed<ClusterConfig> {
  const presets = { clusterDir: dataHomeFolder(env, 'porthole-cluster') };
  const spoken = { argv: completeSwitch(argv), env };
  const { settings, problems } = readKnobs({ ...spoken, role: 'cluster', table: clusterKnobs, presets });
  if (!settings) return { ok: false, problems };
  const config = fitBounds(settings);
  problems.push(...findContradictions(config), ...findNodeContradictions(config));
  return problems.length > 0 ? { ok: false, problems } : { ok: true, config: chooseNode(config) };
}

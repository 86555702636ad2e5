/** Which of vitest's projects run: the decision, apart from looking and running. */

/** They need a real control plane. */
export const clusterProjects = ['cluster', 'scenario-cluster'];
/** They need a kubelet and a container runtime besides. */
export const nodeProjects = ['node', 'scenario-node'];
/** They need gVisor besides. */
export const gvisorProjects = ['scenario-gvisor'];

/** @typedef {'control-plane' | 'node' | 'gvisor'} NodeSet Programs that projects need, as controlplane/programs.mjs calls them. */

/**
 * Scenarios on something else than processes of one machine: the project, and the programs it needs.
 * @type {Readonly<Record<string, { project: string, sets: readonly NodeSet[] }>>}
 */
const modes = {
  cluster: { project: 'scenario-cluster', sets: ['control-plane'] },
  node: { project: 'scenario-node', sets: ['control-plane', 'node'] },
  gvisor: { project: 'scenario-gvisor', sets: ['control-plane', 'node', 'gvisor'] },
};

/** What MODE may be. */
export const modeNames = ['embedded', ...Object.keys(modes)];

/**
 * @typedef {object} TestPlan
 * @property {readonly string[]} args For vitest.
 * @property {readonly NodeSet[]} needs Then what is missing of these is brought before.
 * @property {readonly { projects: readonly string[], why: string }[]} leftOut Projects that would run if something were there.
 */

/**
 * @param {object} wish
 * @param {readonly string[]} wish.args As given to `npm test`.
 * @param {string | undefined} wish.mode What MODE asks for: one of `modeNames`, or nothing: all that can run.
 * @param {Readonly<Record<NodeSet, string | undefined>>} wish.lacks Why the projects that need a set cannot run here, in words; undefined:
 *   they can.
 * @returns {TestPlan}
 */
export function planTests({ args, mode, lacks }) {
  const wanted = mode === undefined ? undefined : modes[mode];
  if (wanted) return { args: [...args, `--project=${wanted.project}`], needs: wanted.sets, leftOut: [] };
  const named = args.some((arg) => arg === '--project' || arg.startsWith('--project='));
  // Whoever names projects gets those, and the tests' own words when something is missing.
  if (named) return { args, needs: [], leftOut: [] };
  const rows = [
    { projects: clusterProjects, why: lacks['control-plane'] },
    { projects: nodeProjects, why: lacks['control-plane'] ?? lacks.node },
    { projects: gvisorProjects, why: lacks['control-plane'] ?? lacks.node ?? lacks.gvisor },
  ];
  const without = mode === 'embedded' ? rows : rows.filter(({ why }) => why !== undefined);
  // Each story once on a control plane: where a real node can run them, it does, and `MODE=cluster` asks for the other way.
  const isNodeThere = mode === undefined && rows.slice(0, 2).every(({ why }) => why === undefined);
  const not = [...without.flatMap(({ projects }) => projects), ...(isNodeThere ? ['scenario-cluster'] : [])];
  const leftOut = rows.flatMap(({ projects, why }) => (why === undefined ? [] : [{ projects, why }]));
  return {
    args: [...args, ...not.map((project) => `--project=!${project}`)],
    needs: [],
    leftOut: mode === 'embedded' ? [] : leftOut,
  };
}

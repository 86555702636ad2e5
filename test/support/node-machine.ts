import { findPrograms } from '../../hack/controlplane/find.mjs';
import { controlPlaneNames, namesIn } from '../../hack/controlplane/programs.mjs';
import { whyNoNode } from '../../hack/node/requirements.mjs';

/** Why tests with a real node cannot run on this machine; undefined when they can. */
export function missingForNode(runtime: 'runc' | 'gvisor'): string | undefined {
  const ofRuntime = runtime === 'gvisor' ? namesIn('gvisor') : [];
  const { missing } = findPrograms(process.env, [...controlPlaneNames, ...namesIn('node'), ...ofRuntime]);
  if (missing.length === 0) return whyNoNode(runtime);
  return `${missing.join(', ')} cannot be found; npm run controlplane -- --with node --with gvisor gets them`;
}

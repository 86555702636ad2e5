import type { Runtime } from '../../node/node-files.ts';
import type { LaunchedCluster } from '../cluster/launched.ts';

/** A cluster with a node of this runtime. */
export interface MeasuredNode {
  readonly runtime: Runtime;
  readonly cluster: LaunchedCluster;
}

import { dirname } from 'node:path';
import { afterAll, afterEach, beforeAll, it } from 'vitest';
import { startClusterWorld, type ClusterWorld } from '../support/cluster-world.ts';
import { findBinaries } from '../support/control-plane.ts';
import { blocksOf, documents, followDocument, type DocReader } from '../support/doc-reader.ts';

let world: ClusterWorld;

beforeAll(async () => {
  world = await startClusterWorld({ warm: { min: 1, max: 2 } });
});
afterEach(() => world.kubectl(['delete', 'browsersessions,proxyproviders,browserextensions', '--all']));
afterAll(() => world[Symbol.asyncDispose]());

/** The same lines as in embedded mode, and those for a cluster besides. */
const reader: DocReader = {
  start: () => Promise.resolve(world),
  places: () => [
    ['~/.local/share/porthole-cluster', world.dir],
    ['~/.local/share/porthole', world.dir],
  ],
  path: [dirname(findBinaries().kubectl)],
};

it.each(documents)('what %s says is so on a cluster, line for line', (document) =>
  followDocument(blocksOf(document), reader),
);

import { format, resolveConfig } from 'prettier';
import { buildOpenApi } from '../../src/api/rest/openapi.ts';
import { clusterOnly } from '../../src/cmd/config/cluster-knobs.ts';
import { formatKnobsTable, formatProcessTables } from '../../src/cmd/config/help.ts';
import { knobs } from '../../src/cmd/config/knobs.ts';
import { readVersion } from '../../src/cmd/version.ts';
import { replaceBlock } from './block.ts';
import { formatValuesTable } from './chart-values.ts';
import { definitionFile, formatDefinition } from './crd/definition.ts';
import { customKinds } from './crd/kinds.ts';
import { formatLayersTable } from './layers-table.ts';
import { buildSeccompProfile } from './seccomp.ts';

/** A file that is made, whole or in part, from the sources. */
export interface Generated {
  /** Path below the repository. */
  readonly file: string;
  /** What it is made from. */
  readonly from: string;
  /** The new text, from the present one. */
  readonly make: (present: string) => string | Promise<string>;
}

/** As `npm run format` would have it, so that the two do not quarrel. */
async function formatJson(value: object): Promise<string> {
  return format(JSON.stringify(value), { ...(await resolveConfig(import.meta.filename)), parser: 'json' });
}

export const generated: readonly Generated[] = [
  {
    file: 'docs/openapi.json',
    from: 'src/api/rest/openapi.ts',
    make: () => formatJson(buildOpenApi(readVersion())),
  },
  {
    file: 'charts/porthole/files/porthole-chromium.json',
    from: 'hack/generate/seccomp.ts and hack/seccomp/runtime-default.json',
    make: () => formatJson(buildSeccompProfile()),
  },
  {
    file: 'docs/architecture.md',
    from: 'layers.js',
    make: (present) => replaceBlock(present, 'layers', formatLayersTable()),
  },
  {
    file: 'docs/configuration.md',
    from: 'src/cmd/config/knobs.ts, cluster-knobs.ts and process-knobs.ts',
    make: (present) =>
      [
        ['knobs', formatKnobsTable(knobs)] as const,
        ['cluster', formatKnobsTable(clusterOnly)] as const,
        ['processes', formatProcessTables()] as const,
      ].reduce((text, [name, table]) => replaceBlock(text, name, table), present),
  },
  {
    file: 'charts/porthole/README.md',
    from: 'charts/porthole/values.yaml and values.schema.json',
    make: (present) => replaceBlock(present, 'values', formatValuesTable()),
  },
  ...customKinds.flatMap((kind) => [
    {
      file: definitionFile(kind),
      from: 'src/api/v1alpha1 and hack/generate/crd',
      make: () => formatDefinition(kind),
    },
    {
      // Helm packs only what lies in the chart's own folder, and `helm show crds` puts nothing between the files.
      file: `charts/porthole/${definitionFile(kind)}`,
      from: 'src/api/v1alpha1 and hack/generate/crd',
      make: () => `---\n${formatDefinition(kind)}`,
    },
  ]),
];

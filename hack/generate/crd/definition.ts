import { z } from 'zod';
import { labelNameRule } from '../../../src/api/v1alpha1/crd.ts';
import { group } from '../../../src/api/v1alpha1/group.ts';
import { formatYaml, type Json } from '../yaml.ts';
import type { CustomKind } from './kinds.ts';
import { toStructural, type Structural } from './structural.ts';

/** apiVersion, kind and metadata are the API server's to describe. */
function buildSchema({ description, resource, spec, status, isNamedInLabels }: CustomKind): Structural {
  const isRequired = toStructural(spec, 'spec')['required'] !== undefined;
  // An object without a spec is one with an empty spec, where that is enough.
  const wanted = toStructural(isRequired ? spec : z.prefault(spec, {}), 'spec');
  return {
    description,
    type: 'object',
    ...(isNamedInLabels ? { 'x-kubernetes-validations': [{ ...labelNameRule }] } : {}),
    ...(isRequired ? { required: ['spec'] } : {}),
    properties: {
      spec: wanted,
      // A cast: what it holds is checked against the schema by a test.
      status: { default: resource.initialStatus as Json, ...toStructural(status, 'status') },
    },
  };
}

const subresources = ({ scale }: CustomKind): Json => ({ status: {}, ...(scale ? { scale } : {}) });

/** https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/custom-resource-definition-v1/ */
export function buildDefinition(kind: CustomKind) {
  const { apiVersion, kind: name, plural } = kind.resource;
  const version = apiVersion.slice(group.length + 1);
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: {
        kind: name,
        listKind: `${name}List`,
        plural,
        singular: name.toLowerCase(),
        shortNames: [kind.shortName],
        categories: ['porthole'],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: subresources(kind),
          additionalPrinterColumns: kind.columns.map((column) => ({ ...column })),
          schema: { openAPIV3Schema: buildSchema(kind) },
        },
      ],
    },
  };
}

/** Where the definition of a kind lies. */
export const definitionFile = ({ resource }: CustomKind): string => `crds/${resource.plural}.yaml`;

export const formatDefinition = (kind: CustomKind): string =>
  `# Made by \`npm run generate\` from src/api/v1alpha1 and hack/generate/crd. Edit those.\n${formatYaml(buildDefinition(kind))}`;

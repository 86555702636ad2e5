/** Labels that everybody knows: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/ */
export const commonLabels = {
  name: 'app.kubernetes.io/name',
  component: 'app.kubernetes.io/component',
  partOf: 'app.kubernetes.io/part-of',
  managedBy: 'app.kubernetes.io/managed-by',
} as const;

/** What everything that the operator makes for sandboxes bears. */
export const sandboxLabels = {
  [commonLabels.name]: 'porthole',
  [commonLabels.component]: 'sandbox',
  [commonLabels.partOf]: 'porthole',
  [commonLabels.managedBy]: 'porthole-operator',
} as const;

/** The label that every namespace has: https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name */
export const namespaceLabel = 'kubernetes.io/metadata.name';

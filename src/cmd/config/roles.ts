import { clusterKnobs } from './cluster-knobs.ts';
import type { KnobTable } from './knob.ts';
import { knobs } from './knobs.ts';
import { facadeKnobs, gatewayKnobs, nodeKnobs, operatorKnobs } from './process-knobs.ts';

/** A role that people configure. `agent` and `proxy` are configured by the Pod they stand in. */
export type Role = 'embedded' | 'cluster' | 'operator' | 'facade' | 'gateway' | 'node';

interface RoleFacts {
  /** What it does, in a sentence. */
  readonly purpose: string;
  readonly usage: string;
  readonly knobs: KnobTable;
}

export const roles: Readonly<Record<Role, RoleFacts>> = {
  embedded: {
    purpose: 'Porthole in embedded mode: REST API, gateway, operator and browsers on this machine.',
    usage: 'npm start -- [flags]   (or: porthole embedded [flags])',
    knobs,
  },
  cluster: {
    purpose: 'Porthole on a real Kubernetes control plane of this machine, its processes apart from each other.',
    usage: 'npm run cluster -- [flags]',
    knobs: clusterKnobs,
  },
  operator: {
    purpose: 'The controllers of Porthole, over an API server. Of several, one leads and the others stand by.',
    usage: 'porthole operator [flags]',
    knobs: operatorKnobs,
  },
  facade: {
    purpose: 'The REST API of Porthole, over an API server. Any number of them may run.',
    usage: 'porthole facade [flags]',
    knobs: facadeKnobs,
  },
  gateway: {
    purpose: 'Where CDP clients reach the browsers. Any number of them may run.',
    usage: 'porthole gateway [flags]',
    knobs: gatewayKnobs,
  },
  node: {
    purpose: 'A Node that runs Pods of sandboxes as processes of this machine: for trying and testing only.',
    usage: 'porthole node [flags]',
    knobs: nodeKnobs,
  },
};

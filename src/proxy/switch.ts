import type { Upstream } from './upstream.ts';

/** A way of forwarding that can be exchanged for another one. */
export interface Switch extends Upstream {
  to(upstream: Upstream): void;
}

/** Each connection goes by what is set when it is made. */
export function createSwitch(first: Upstream): Switch {
  let current = first;
  return {
    open: (target, how) => current.open(target, how),
    carry: () => current.carry(),
    to: (upstream) => void (current = upstream),
  };
}

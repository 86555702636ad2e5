import type { Capacity, Resources } from './resources.ts';

/** What the Pods on the node request, by uid. */
export class ResourceLedger {
  readonly #charged = new Map<string, Resources>();

  charge(uid: string, requests: Resources): void {
    this.#charged.set(uid, requests);
  }

  /** False when there was nothing to give back. */
  giveBack(uid: string): boolean {
    return this.#charged.delete(uid);
  }

  has(uid: string): boolean {
    return this.#charged.has(uid);
  }

  used(): Capacity {
    let cpuMillis = 0;
    let memoryBytes = 0;
    for (const requests of this.#charged.values()) {
      cpuMillis += requests.cpuMillis;
      memoryBytes += requests.memoryBytes;
    }
    return { cpuMillis, memoryBytes, pods: this.#charged.size };
  }
}

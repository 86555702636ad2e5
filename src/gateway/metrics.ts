import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { RefusalReason } from './refusal.ts';
import type { EndedBy, Traffic } from './relay.ts';

/** live: the screen; all others are CDP. */
export type ConnectionKind = 'browser' | 'page' | 'live';

export interface GatewayMetrics {
  /** Added up by the relays, read when somebody scrapes. */
  readonly traffic: Traffic;
  opened(kind: ConnectionKind, upgradeMs: number): void;
  ended(kind: ConnectionKind, by: EndedBy): void;
  refused(because: RefusalReason | 'peer'): void;
}

const upgradeBuckets = [0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createGatewayMetrics(registry: Registry): GatewayMetrics {
  const registers = [registry];
  const traffic: Traffic = { fromClient: 0, toClient: 0 };
  const open = new Gauge({
    name: 'porthole_gateway_connections',
    help: 'Open WebSocket connections, by what they are attached to.',
    labelNames: ['kind'],
    registers,
  });
  const total = new Counter({
    name: 'porthole_gateway_connections_total',
    help: 'WebSocket connections that were let in.',
    labelNames: ['kind'],
    registers,
  });
  const ends = new Counter({
    name: 'porthole_gateway_closes_total',
    help: 'Ends of connections: our close code, or client, browser (their close frame), lost (no close frame), stalled.',
    labelNames: ['code'],
    registers,
  });
  const refusals = new Counter({
    name: 'porthole_gateway_refused_total',
    help: 'Requests and connections that were turned away, by reason.',
    labelNames: ['reason'],
    registers,
  });
  const upgrades = new Histogram({
    name: 'porthole_gateway_upgrade_duration_seconds',
    help: 'From the request for a WebSocket to its 101.',
    buckets: upgradeBuckets,
    registers,
  });
  new Counter({
    name: 'porthole_gateway_bytes_total',
    help: 'Bytes relayed, by direction.',
    labelNames: ['direction'],
    registers,
    collect() {
      this.reset();
      this.inc({ direction: 'from_client' }, traffic.fromClient);
      this.inc({ direction: 'to_client' }, traffic.toClient);
    },
  });
  return {
    traffic,
    opened: (kind, upgradeMs) => {
      open.inc({ kind });
      total.inc({ kind });
      upgrades.observe(upgradeMs / 1000);
    },
    ended: (kind, by) => {
      open.dec({ kind });
      ends.inc({ code: by });
    },
    refused: (because) => refusals.inc({ reason: because }),
  };
}

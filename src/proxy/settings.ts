import { isIP } from 'node:net';
import { env } from '../api/agent/contract.ts';
import { parseCidrList, type AddressSet } from '../lib/net-address.ts';
import { parseRunAs, type Identity } from '../lib/privileges.ts';

/** What a sandbox pod tells its proxy; names in api/agent/contract. */
export interface ProxySettings {
  readonly podIp: string;
  /** Tickets are for one pod. Default: none fits. */
  readonly podUid: string;
  /** Ed25519 public key (base64url SPKI DER) of the tickets. Default: none fits. */
  readonly ticketKey: string;
  /** Default: nothing besides the public internet. */
  readonly egressAllow: AddressSet;
  /** Where upstream proxies may be besides the public internet and `egressAllow`. Default: nowhere. */
  readonly upstreamAllow: AddressSet;
  /** Default: none besides the sandboxes' own. */
  readonly egressDenyPorts: ReadonlySet<number>;
  readonly runAs: Identity | undefined;
  readonly isVerbose: boolean;
}

/** Comma-separated TCP ports; an empty text is none. Throws naming the bad one. */
export function parsePorts(text: string): ReadonlySet<number> {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.length === 1 && parts[0] === '') return new Set();
  return new Set(
    parts.map((part) => {
      if (!/^\d{1,5}$/.test(part) || Number(part) < 1 || Number(part) > 65_535) {
        throw new Error(`"${part}" is not a TCP port`);
      }
      return Number(part);
    }),
  );
}

function parseAddress(text: string): string {
  if (isIP(text) === 0) throw new Error(`"${text}" is not an IP address`);
  return text;
}

/** Throws naming the variable and what is allowed. */
export function parseProxySettings(environment: Readonly<Record<string, string | undefined>>): ProxySettings {
  const read = <T>(name: string, parse: (text: string) => T): T => {
    try {
      return parse(environment[name] ?? '');
    } catch (cause) {
      throw new Error(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  };
  return {
    podIp: read(env.podIp, parseAddress),
    podUid: environment[env.podUid] ?? '',
    ticketKey: environment[env.ticketKey] ?? '',
    egressAllow: read(env.egressAllow, parseCidrList),
    upstreamAllow: read(env.upstreamAllow, parseCidrList),
    egressDenyPorts: read(env.egressDenyPorts, parsePorts),
    runAs: environment[env.runAs] ? read(env.runAs, parseRunAs) : undefined,
    isVerbose: ['debug', 'trace'].includes(environment[env.logLevel] ?? ''),
  };
}

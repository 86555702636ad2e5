import { createHash } from 'node:crypto';
import type { Event } from '../../lib/kubernetes.ts';
import type { NewObject, StoredObject } from '../../lib/object-meta.ts';
import { formatMicroTime } from '../../lib/time.ts';
import { events } from '../builtins.ts';
import type { EventFacts } from './port.ts';

/** Who reports. */
export interface Reporter {
  /** Qualified name, e.g. `example.com/operator`. */
  readonly reportingController: string;
  /** Which of its processes; at most 128 characters. */
  readonly reportingInstance: string;
}

export interface Occurrence {
  readonly regarding: StoredObject;
  readonly facts: EventFacts;
  /** Epoch milliseconds. */
  readonly atMs: number;
  /** Tells it from the others of this reporter. */
  readonly number: number;
}

/** Limits of https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ */
const longestNoteBytes = 1024;
const longestWord = 128;
const longestName = 253;

/** What the API server takes: words and notes within their limits, and a name that is the same at a second try. */
export function buildEvent(reporter: Reporter, occurrence: Occurrence): NewObject<Event> {
  const { regarding, facts, atMs } = occurrence;
  const word = (text: string): string => text.slice(0, longestWord);
  return {
    apiVersion: events.apiVersion,
    kind: events.kind,
    // Of what has no namespace they stand in `default`.
    metadata: { name: nameOf(reporter, occurrence), namespace: regarding.metadata.namespace || 'default' },
    eventTime: formatMicroTime(atMs),
    reportingController: reporter.reportingController,
    reportingInstance: word(reporter.reportingInstance),
    type: facts.type,
    reason: word(facts.reason),
    action: word(facts.action),
    note: cut(facts.note),
    regarding: referenceTo(regarding),
    ...(facts.related && { related: referenceTo(facts.related) }),
  };
}

function nameOf({ reportingInstance }: Reporter, { regarding, facts, atMs, number }: Occurrence): string {
  const parts = [reportingInstance, regarding.metadata.uid, facts.type, facts.reason, facts.action, atMs, number];
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
  // A name ends its parts with a letter or a digit.
  const start = regarding.metadata.name.slice(0, longestName - hash.length - 1).replace(/[^a-z0-9]+$/, '');
  return `${start}.${hash}`;
}

function referenceTo({ apiVersion, kind, metadata }: StoredObject): Event['regarding'] {
  const { name, namespace, uid } = metadata;
  return { apiVersion, kind, name, uid, ...(namespace && { namespace }) };
}

function cut(note: string): string {
  const bytes = Buffer.from(note);
  if (bytes.length <= longestNoteBytes) return note;
  const ellipsis = '…';
  const room = longestNoteBytes - Buffer.byteLength(ellipsis);
  // As a stream: what is left of a character that was cut in two is not shown.
  return new TextDecoder().decode(bytes.subarray(0, room), { stream: true }) + ellipsis;
}

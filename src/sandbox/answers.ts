import { z } from 'zod';
import { upstreamProblems } from '../api/agent/contract.ts';
import {
  isolationKinds,
  recordingStops,
  type Activity,
  type AgentProblem,
  type AgentRecording,
  type AgentStatus,
  type EndIfIdleAnswer,
  type EndIfUnusedAnswer,
  type PageInfo,
} from '../api/agent/wire.ts';

/**
 * What an agent may answer. It runs beside hostile pages, so it is believed no further than this: whatever comes back has the
 * right shape and a bounded size, or the sandbox is given up.
 */
const count = z.int().min(0);
const durationMs = z.number().min(0);

const activity = z.object({ attachedClients: count, idleForMs: durationMs });
const pageInfo = z.object({
  pageId: z.string().max(256),
  url: z.string(),
  title: z.string(),
  active: z.boolean(),
});
const upstream = z.object({
  state: z.enum(['probing', 'ready', 'failed']),
  problem: z.enum(upstreamProblems).exactOptional(),
});
const traffic = z.object({ bytesIn: count, bytesOut: count });
const agentStatus = z.object({
  phase: z.enum(['starting', 'ready', 'bound', 'ended']),
  sessionUid: z.uuid().exactOptional(),
  browser: z.object({
    alive: z.boolean(),
    product: z.string().max(256),
    sandboxed: z.boolean(),
    display: z.enum(['headful', 'headless']),
    bootMs: durationMs,
  }),
  isolation: z.enum(isolationKinds),
  activity,
  upstream: upstream.exactOptional(),
  traffic: traffic.exactOptional(),
  viewers: count.exactOptional(),
});

const recording = z.object({
  recordingId: z.uuid(),
  status: z.enum(['recording', 'stopped']),
  startedAtMs: count,
  stoppedAtMs: count.exactOptional(),
  stopReason: z.enum(recordingStops).exactOptional(),
  bytes: count,
  finalBytes: count.exactOptional(),
});

export const answers = {
  activity: activity satisfies z.ZodType<Activity>,
  status: agentStatus satisfies z.ZodType<AgentStatus>,
  endIfIdle: activity.extend({
    ended: z.boolean(),
    traffic: traffic.exactOptional(),
  }) satisfies z.ZodType<EndIfIdleAnswer>,
  nothing: z.object({}),
  endIfUnused: z.object({ ended: z.boolean() }) satisfies z.ZodType<EndIfUnusedAnswer>,
  pages: z.array(pageInfo).max(10_000) satisfies z.ZodType<readonly PageInfo[]>,
  recording: recording satisfies z.ZodType<AgentRecording>,
  recordings: z.array(recording).max(1_000) satisfies z.ZodType<readonly AgentRecording[]>,
  problem: z.object({
    code: z.enum([
      'bad_request',
      'unauthorized',
      'spent',
      'not_bound',
      'not_ready',
      'not_found',
      'browser_gone',
      'capability_failed',
      'recording_runs',
      'no_recording',
    ]),
    message: z.string().max(2_000),
  }) satisfies z.ZodType<AgentProblem>,
};

/** Bytes; a session with ten thousand tabs of long URLs is not ours to serve. */
export const longestAnswer = 8 * 1024 * 1024;

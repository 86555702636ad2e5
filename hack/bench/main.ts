import path from 'node:path';
import { takeStopSignals } from '../../src/cmd/parts/stop-signal.ts';
import { parseChoice, usage, type Choice, type Section } from './command-line.ts';
import { currentLoad, describeMachine, formatMachine } from './machine.ts';
import { formatTable, judge, type Row } from './report.ts';
import { measureCdp } from './rows/cdp.ts';
import { measureCluster } from './rows/cluster.ts';
import { measureCreate } from './rows/create.ts';
import { measureLive } from './rows/live.ts';
import { measureExtensions } from './rows/extensions.ts';
import { measureMemory } from './rows/memory.ts';
import { measureNode } from './rows/node.ts';
import { measureProxy } from './rows/proxy.ts';
import { measureRecording } from './rows/recording.ts';
import { measureStealth } from './rows/stealth.ts';
import { measureThroughput } from './rows/throughput.ts';
import { Interrupted, type Run } from './run.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const measurements: Readonly<Record<Section, (run: Run) => Promise<void>>> = {
  create: measureCreate,
  cdp: measureCdp,
  memory: measureMemory,
  live: measureLive,
  recording: measureRecording,
  extensions: measureExtensions,
  proxy: measureProxy,
  stealth: measureStealth,
  throughput: measureThroughput,
  cluster: measureCluster,
  node: measureNode,
};

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** As shells say it: 128 and the number of SIGINT. */
const interruptedCode = 130;

interface Findings {
  readonly rows: Row[];
  readonly remarks: string[];
}

function createRun({ isQuick }: Choice, env: Environment, { rows, remarks }: Findings): Run {
  const startedAt = performance.now();
  const { first, hurry } = takeStopSignals();
  const stop = new AbortController();
  void first.then(() => {
    say('\nEnding what was started.');
    stop.abort(new Interrupted('interrupted'));
  });
  // What was started ends with this process, but folders stay.
  hurry.addEventListener('abort', () => process.exit(interruptedCode));
  return {
    chromium: env['PORTHOLE_CHROMIUM'] ?? '',
    repository: path.resolve(import.meta.dirname, '..', '..'),
    nodeFlags: (env['BENCH_NODE_FLAGS'] ?? '').split(' ').filter(Boolean),
    samples: (full) => (isQuick ? Math.max(1, Math.round(full / 10)) : full),
    progress: (text) => {
      stop.signal.throwIfAborted();
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(0).padStart(4);
      say(`${seconds} s  load ${currentLoad().toFixed(1)}  ${text}`);
    },
    signal: stop.signal,
    remark: (text) => {
      remarks.push(text);
      say(text);
    },
    add: (row) => void rows.push(row),
  };
}

async function measure(choice: Choice, env: Environment): Promise<number> {
  const findings: Findings = { rows: [], remarks: [] };
  const run = createRun(choice, env, findings);
  const machine = describeMachine(run.chromium);
  say(`${formatMachine(machine)}\n`);
  let exitCode = 0;
  try {
    for (const section of choice.sections) await measurements[section](run);
  } catch (error) {
    // However it shows: what waits ends too.
    if (run.signal.aborted) return interruptedCode;
    // What was measured until then still holds.
    exitCode = 1;
    findings.remarks.push(`It ended early: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
  machine.loadAfter = currentLoad();
  const { rows, remarks } = findings;
  const judged = rows.map((row) => ({ ...row, verdict: judge(row) }));
  const text = choice.asJson
    ? JSON.stringify({ machine, isQuick: choice.isQuick, rows: judged, remarks }, null, 2)
    : `\n${[formatMachine(machine), formatTable(rows), ...remarks].join('\n\n')}`;
  process.stdout.write(`${text}\n`);
  return exitCode;
}

/** `npm run bench`. Resolves with the exit code: a missed target is a finding, not a failure. */
export async function runBench(argv: readonly string[], env: Environment): Promise<number> {
  const parsed = parseChoice(argv);
  if (parsed.kind === 'run') return measure(parsed.choice, env);
  if (parsed.kind === 'refused') say(parsed.problem);
  process.stdout.write(parsed.kind === 'help' ? `${usage}\n` : '');
  return parsed.kind === 'help' ? 0 : 2;
}

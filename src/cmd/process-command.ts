import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { formatHelp } from './config/help.ts';
import type { Surroundings } from './config/parse-process-config.ts';
import {
  parseFacadeConfig,
  parseGatewayConfig,
  parseNodeConfig,
  parseOperatorConfig,
} from './config/parse-process-config.ts';
import type { Environment, Parsed } from './config/read-knobs.ts';
import { refuse, say } from './say.ts';
import { readVersion } from './version.ts';

/** https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ */
const namespaceFile = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

function readOwnNamespace(): string | undefined {
  try {
    return readFileSync(namespaceFile, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}

type Command = (around: Surroundings) => Promise<number>;

/** The role's code is loaded only when its settings are in order. */
function command<C>(
  parse: (around: Surroundings) => Parsed<C>,
  load: () => Promise<(config: C) => Promise<number>>,
): Command {
  return async (around) => {
    const parsed = parse(around);
    if (!parsed.ok) return refuse(parsed.problems.join('\n'));
    const run = await load();
    return run(parsed.config);
  };
}

const commands = {
  operator: command(parseOperatorConfig, async () => (await import('./operator.ts')).runOperator),
  facade: command(parseFacadeConfig, async () => (await import('./facade.ts')).runFacade),
  gateway: command(parseGatewayConfig, async () => (await import('./gateway.ts')).runGateway),
  node: command(parseNodeConfig, async () => (await import('./node.ts')).runNode),
} as const;

/** Runs a process that meets others in an API server. Resolves with the exit code. */
export async function runProcessCommand(
  role: keyof typeof commands,
  argv: readonly string[],
  env: Environment,
): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) return say(formatHelp(role));
  if (argv.includes('--version')) return say(readVersion());
  return commands[role]({ argv, env, ownNamespace: readOwnNamespace(), hostName: hostname() });
}

import type { Environment } from './config/read-knobs.ts';
import { refuse, say } from './say.ts';
import { readVersion } from './version.ts';

const usage = `Usage: porthole <role> [flags]

Roles:
  embedded   REST API, gateway, operator and browsers on this machine (npm start)
  operator   the controllers, over an API server
  facade     the REST API, over an API server
  gateway    where CDP clients reach the browsers
  node       a Node that runs sandboxes as processes of this machine: for trying and testing
  agent      starts and watches the browser inside a sandbox; configured by the Pod
  proxy      what the browser's traffic leaves a sandbox through; configured by the Pod
  seccomp-profile <source> <target>   keeps a file on a node; the chart's DaemonSet

  porthole <role> --help   lists the settings of a role that people configure
  porthole --version       prints the version`;

/**
 * Runs one role of Porthole until it ends. Resolves with the exit code. A role's code is loaded only when it is asked for: an
 * agent must not pay for the operator.
 */
export async function runMain([role, ...rest]: readonly string[], env: Environment): Promise<number> {
  switch (role) {
    case 'embedded': {
      const { runEmbeddedCommand } = await import('./embedded-command.ts');
      return runEmbeddedCommand(rest, env);
    }
    case 'operator':
    case 'facade':
    case 'gateway':
    case 'node': {
      const { runProcessCommand } = await import('./process-command.ts');
      return runProcessCommand(role, rest, env);
    }
    case 'agent':
      await import('./agent.ts');
      return 0;
    case 'proxy':
      await import('./proxy.ts');
      return 0;
    case 'seccomp-profile': {
      const { runSeccompProfile } = await import('./seccomp-profile.ts');
      return runSeccompProfile(rest);
    }
    case '--version':
      return say(readVersion());
    case '--help':
    case '-h':
      return say(usage);
    case undefined:
      return refuse(usage);
    default:
      return refuse(`There is no role "${role}".\n\n${usage}`);
  }
}

if (import.meta.main) {
  process.exitCode = await runMain(process.argv.slice(2), process.env);
}

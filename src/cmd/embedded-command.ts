import { formatHelp } from './config/help.ts';
import { parseConfig } from './config/parse-config.ts';
import type { Environment } from './config/read-knobs.ts';
import { refuse, say } from './say.ts';
import { readVersion } from './version.ts';

/** `npm start` may run this process below another; when that is gone, even by SIGKILL, this one ends as if told to. */
function endWithParent(): void {
  if (!process.connected) return;
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel?.unref();
}

/** `porthole embedded`: reads flags and environment, then runs until told to end. Resolves with the exit code. */
export async function runEmbeddedCommand(argv: readonly string[], env: Environment): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) return say(formatHelp('embedded'));
  if (argv.includes('--version')) return say(readVersion());
  const parsed = parseConfig(argv, env);
  if (!parsed.ok) return refuse(parsed.problems.join('\n'));
  endWithParent();
  const { runEmbedded } = await import('./embedded.ts');
  return runEmbedded(parsed.config);
}

import { readFileSync } from 'node:fs';

/**
 * @param {number} pid
 * @returns {{ name: string, parent: number } | undefined} undefined when there is no such process (or no /proc).
 */
function readProcess(pid) {
  try {
    // <pid> (<name>) <state> <parent> …: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    return { name, parent: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) };
  } catch {
    return undefined;
  }
}

/** The npm that runs this script, through its shell: `npm` → `sh -c` → this; some shells put this in their own place. */
function findNpm() {
  const parent = readProcess(process.ppid);
  return parent && /^(ba|da|a|z|k)?sh$/.test(parent.name) ? parent.parent : process.ppid;
}

/**
 * A signal to npm alone (a supervisor's SIGTERM, say) ends npm at once: it passes nothing on. So when the npm that runs this script
 * is gone, this process ends as if it had been told to.
 * @param {NodeJS.ProcessEnv} env
 */
export function endWithNpm(env) {
  if (env['npm_lifecycle_event'] === undefined || process.platform !== 'linux') return;
  const npm = findNpm();
  const timer = setInterval(() => {
    if (findNpm() === npm) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, 500);
  timer.unref();
}

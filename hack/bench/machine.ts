import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, freemem, loadavg, release, totalmem } from 'node:os';

/** What figures depend on besides the sources. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMB: number;
  readonly kernel: string;
  readonly node: string;
  readonly chromium: string;
  /** Load average of the last minute; above `cores`, others ran beside the bench. */
  readonly loadBefore: number;
  loadAfter?: number;
  readonly freeMemoryMB: number;
}

function versionOf(program: string): string {
  try {
    return execFileSync(program, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return `${program}: no --version`;
  }
}

export function describeMachine(chromium: string): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryMB: Math.round(totalmem() / 1e6),
    freeMemoryMB: Math.round(freemem() / 1e6),
    kernel: `${process.platform} ${release()} ${process.arch}`,
    node: process.version,
    chromium: versionOf(chromium),
    loadBefore: currentLoad(),
  };
}

export const currentLoad = (): number => loadavg()[0] ?? 0;

export function formatMachine(machine: Machine): string {
  const { cpu, cores, memoryMB, freeMemoryMB, kernel, node, chromium, loadBefore, loadAfter } = machine;
  const load =
    `load ${loadBefore.toFixed(2)} before` + (loadAfter === undefined ? '' : `, ${loadAfter.toFixed(2)} after`);
  return [
    `${cpu}, ${cores} cores, ${memoryMB} MB (${freeMemoryMB} MB free), ${kernel}; ${load}`,
    `Node ${node}; ${chromium}`,
  ].join('\n');
}

const lookEveryMs = 1_000;

/**
 * Calls `onGone` once `parentPid` is no longer this process's parent: it has ended, however it ended, and somebody else has
 * adopted this process. Looked at once a second; keeps no process alive.
 */
export function watchParent(parentPid: number, onGone: () => void): Disposable {
  const timer = setInterval(() => {
    if (process.ppid === parentPid) return;
    clearInterval(timer);
    onGone();
  }, lookEveryMs);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

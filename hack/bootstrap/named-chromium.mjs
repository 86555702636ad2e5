/**
 * The Chromium named on the command line, which counts more than the environment's.
 * @param {readonly string[]} args
 * @returns {string | undefined}
 */
export function namedChromium(args) {
  const at = args.lastIndexOf('--chromium');
  const inline = args.findLast?.((arg) => arg.startsWith('--chromium='))?.slice('--chromium='.length);
  return inline ?? (at < 0 ? undefined : args[at + 1]);
}

/** What can be measured; each is a file in rows/. */
export const sections = [
  'create',
  'cdp',
  'memory',
  'live',
  'recording',
  'extensions',
  'proxy',
  'stealth',
  'throughput',
  'cluster',
  'node',
] as const;
export type Section = (typeof sections)[number];

export interface Choice {
  readonly sections: readonly Section[];
  /** Machine-readable output on stdout; progress stays on stderr. */
  readonly asJson: boolean;
  /** A tenth of the samples: a first look, not a figure to quote. */
  readonly isQuick: boolean;
}

export type ParsedChoice =
  | { readonly kind: 'run'; readonly choice: Choice }
  | { readonly kind: 'help' }
  | { readonly kind: 'refused'; readonly problem: string };

const words = [...sections, 'all'] as const;
const flags = ['--json', '--quick'] as const;

export const usage = `Usage: npm run bench -- [${words.join('|')}] … [${flags.join('] [')}]

  create       POST → 201, warm and cold, beside a bare browser's exec → DevTools
  cdp          round trip of a CDP call, and bulk, through each hop, beside nginx
  memory       agent and proxy beside Chromium; the control process
  live         CPU and memory of the live view with 0, 1 and 3 viewers
  recording    warm POST with recording, beside one without; CPU and memory of it at 1280×720
  extensions   warm POST with extensions, beside one without and what the browser takes to load them
  proxy        warm POST with a proxy of its own, beside one without
  stealth      warm POST with stealth, beside the same without
  throughput   sessions created and deleted in parallel; refused requests
  cluster      Porthole on a real control plane, beside the bare chain of writes and watches; without browsers
  node         sandboxes as Pods of a real kubelet, with runc and with gVisor, beside bare Pods and the local node; needs root
  all          all of them (default)
  --json       machine-readable, on stdout
  --quick      a tenth of the samples: a first look, no figure to quote`;

/** Pure. What was asked for, in the order of {@link sections}. */
export function parseChoice(argv: readonly string[]): ParsedChoice {
  if (argv.includes('--help') || argv.includes('-h')) return { kind: 'help' };
  const known: readonly string[] = [...words, ...flags];
  const unknown = argv.find((word) => !known.includes(word));
  if (unknown !== undefined) {
    return { kind: 'refused', problem: `"${unknown}" is unknown. There are: ${known.join(', ')}.` };
  }
  const named = sections.filter((section) => argv.includes(section));
  const isAll = named.length === 0 || argv.includes('all');
  return {
    kind: 'run',
    choice: {
      sections: isAll ? sections : named,
      asJson: argv.includes('--json'),
      isQuick: argv.includes('--quick'),
    },
  };
}

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const imageNames = ['porthole', 'porthole-sandbox'] as const;
export type ImageName = (typeof imageNames)[number];

export const repository = fileURLToPath(new URL('../..', import.meta.url));

/** One of the two images, as both ways of building it have it. */
export interface Image {
  readonly name: ImageName;
  readonly title: string;
  readonly description: string;
  /**
   * How mmdebstrap puts the packages in: `essential` runs their scripts in a system that is able to; `extract` only unpacks them,
   * so that there is no shell. https://manpages.debian.org/mmdebstrap
   */
  readonly variant: 'essential' | 'extract';
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Where Porthole's own files lie in both. */
export const appFolder = '/opt/porthole';
export const nodeFile = '/usr/local/bin/node';
const main = `${appFolder}/src/cmd/main.ts`;

export const images: Readonly<Record<ImageName, Image>> = {
  porthole: {
    name: 'porthole',
    title: 'Porthole',
    description: 'Operator, facade and gateway of Porthole.',
    variant: 'extract',
    user: '65532:65532',
    entrypoint: [nodeFile, main],
    environment: { PATH: '/usr/local/bin', NODE_ENV: 'production' },
  },
  'porthole-sandbox': {
    name: 'porthole-sandbox',
    title: 'Porthole sandbox',
    description: 'Chromium with its desktop, and the agent and the egress proxy of Porthole.',
    variant: 'essential',
    user: '1000:1000',
    entrypoint: ['/usr/bin/tini', '--', nodeFile, main],
    environment: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      LANG: 'C.UTF-8',
      // Small heaps and few threads: agent and proxy hold little, and there is a pair of them beside every browser.
      NODE_OPTIONS: '--max-semi-space-size=1 --v8-pool-size=1 --disable-warning=ExperimentalWarning',
    },
  },
};

function read(file: string): string {
  return readFileSync(new URL(`../../images/${file}`, import.meta.url), 'utf8');
}

/** Debian's name of the release that both images are made of. */
export const suite = read('suite').trim();

/** One a line; what follows a # is for people. */
export function parsePackages(text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter(Boolean);
}

export function packagesOf(name: ImageName): readonly string[] {
  return parsePackages(read(`${name}.packages`));
}

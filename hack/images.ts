/**
 * `npm run images [-- porthole | porthole-sandbox] [--fresh] [--mirror URL]`: makes the images as OCI archives out of Debian's packages, where there
 * is no registry and no builder. images/*.Containerfile make the same with any builder of OCI images; `--containerfiles` does so with
 * buildah, without a registry, which is how they are checked.
 */
import { statSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { buildContainerfiles } from './images/builder.ts';
import { makeImage } from './images/ensure.ts';
import { imageNames } from './images/image.ts';
import { readMirror } from './images/mirror.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    fresh: { type: 'boolean', default: false },
    containerfiles: { type: 'boolean', default: false },
    mirror: { type: 'string' },
  },
});
const unknown = positionals.filter((name) => !imageNames.some((known) => known === name));
if (unknown.length > 0) {
  console.error(`There is no image ${unknown.join(', ')}: ${imageNames.join(', ')}`);
  process.exit(2);
}
const mirror = (values.mirror ?? readMirror())?.replace(/\/+$/, '');
if (mirror === undefined) {
  console.error('apt names no mirror of Debian here: give one by --mirror, without its /debian');
  process.exit(2);
}
const names = imageNames.filter((known) => positionals.length === 0 || positionals.includes(known));
if (values.containerfiles) {
  for (const archive of buildContainerfiles(names, { mirror, env: process.env })) {
    console.log(`${archive} (${Math.round(statSync(archive).size / 1e6)} MB)`);
  }
  process.exit();
}
for (const name of names) {
  const { archive, sbom } = await makeImage(name, { mirror, isFresh: values.fresh, env: process.env });
  console.log(`${name.padEnd(18)} ${archive} (${Math.round(statSync(archive).size / 1e6)} MB), ${sbom}`);
}

import { createHash } from 'node:crypto';
import { createReadStream, linkSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Image } from './image.ts';

/** https://github.com/opencontainers/image-spec/blob/main/descriptor.md */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export interface ImageFacts {
  readonly image: Image;
  readonly architecture: 'amd64' | 'arm64';
  /** Porthole's. */
  readonly version: string;
  /** Commit that the files are of. */
  readonly revision: string;
  /** Epoch milliseconds. */
  readonly createdMs: number;
  /** What the lower layer is made of. */
  readonly base: string;
}

/** What an archive says of its image; any image may be one. */
export interface OciFacts extends Omit<ImageFacts, 'image'> {
  readonly image: Omit<Image, 'name' | 'variant'> & { readonly name: string };
}

const type = (name: string): string => `application/vnd.oci.image.${name}`;

/** https://github.com/opencontainers/image-spec/blob/main/annotations.md#pre-defined-annotation-keys */
export function buildAnnotations(facts: OciFacts): Readonly<Record<string, string>> {
  const { image, version, revision, createdMs, base } = facts;
  const entries = {
    title: image.title,
    description: image.description,
    version,
    revision,
    created: new Date(createdMs).toISOString(),
    licenses: 'Apache-2.0',
    'base.name': base,
  };
  return Object.fromEntries(Object.entries(entries).map(([key, value]) => [`org.opencontainers.image.${key}`, value]));
}

/** https://github.com/opencontainers/image-spec/blob/main/config.md; `layers` are uncompressed, lowest first. */
export function buildConfig(facts: OciFacts, layers: readonly Descriptor[]): object {
  const { image, architecture, createdMs } = facts;
  return {
    architecture,
    os: 'linux',
    created: new Date(createdMs).toISOString(),
    config: {
      User: image.user,
      Env: Object.entries(image.environment).map(([name, value]) => `${name}=${value}`),
      Entrypoint: image.entrypoint,
      WorkingDir: '/',
      Labels: buildAnnotations(facts),
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  };
}

export function buildManifest(facts: OciFacts, config: Descriptor, layers: readonly Descriptor[]): object {
  return {
    schemaVersion: 2,
    mediaType: type('manifest.v1+json'),
    config,
    layers,
    annotations: buildAnnotations(facts),
  };
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return `sha256:${hash.digest('hex')}`;
}

/** `name:tag`, as kubelet and `ctr images import` know it; `localhost` says that it was made here and comes from no registry. */
export function referenceOf({ image, version }: Pick<OciFacts, 'image' | 'version'>): string {
  return `localhost/${image.name}:${version}`;
}

/**
 * Writes an OCI image layout into `folder`, which is on the same file system as the layers:
 * https://github.com/opencontainers/image-spec/blob/main/image-layout.md
 */
export async function writeLayout(folder: string, facts: OciFacts, layerFiles: readonly string[]): Promise<Descriptor> {
  const blobs = path.join(folder, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const fileOf = (digest: string): string => path.join(blobs, digest.slice('sha256:'.length));
  const put = (mediaType: string, value: object): Descriptor => {
    const text = JSON.stringify(value);
    const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
    writeFileSync(fileOf(digest), text);
    return { mediaType, digest, size: Buffer.byteLength(text) };
  };
  const layers: Descriptor[] = [];
  for (const file of layerFiles) {
    const digest = await digestOf(file);
    linkSync(file, fileOf(digest));
    layers.push({ mediaType: type('layer.v1.tar'), digest, size: statSync(file).size });
  }
  const config = put(type('config.v1+json'), buildConfig(facts, layers));
  const manifest = put(type('manifest.v1+json'), buildManifest(facts, config, layers));
  const annotations = {
    'io.containerd.image.name': referenceOf(facts),
    'org.opencontainers.image.ref.name': facts.version,
  };
  writeFileSync(path.join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  writeFileSync(
    path.join(folder, 'index.json'),
    JSON.stringify({ schemaVersion: 2, mediaType: type('index.v1+json'), manifests: [{ ...manifest, annotations }] }),
  );
  return manifest;
}

import { z } from 'zod';
import { maxPackedExtensionBytes } from '../agent/contract.ts';

/** Bodies of section 2 of the REST contract. */

const exampleExtension = {
  id: 'ext-5f0c7a1be2d94c3f9a66d3f0a5b1c2d4',
  name: 'Example',
  version: '1.2.0',
  manifestVersion: 3,
  size: 18_342,
  sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  permissions: ['storage'],
  hostPermissions: ['https://*.example.com/*'],
  chromiumId: 'oljlplahgakocikpnniaockfdfehfgle',
  createdAt: 1_795_305_600_000,
};

export const extensionView = z
  .strictObject({
    id: z.string().describe('What `extensions` of a session takes, and the `{id}` of the paths below.'),
    name: z.string().describe('Of its manifest, in its default locale.'),
    version: z.string(),
    manifestVersion: z.int().describe('2 or 3; browsers refuse to load 2.'),
    size: z.int().describe('Bytes of the file.'),
    sha256: z.string().describe('Of the file, lower-case hex.'),
    permissions: z.array(z.string()).describe('APIs that its manifest asks for.'),
    hostPermissions: z.array(z.string()).describe('Sites that it may act on, as match patterns.'),
    chromiumId: z
      .string()
      .describe(
        'The id that it has in every browser: `chrome-extension://<it>/`. Empty when it was never uploaded here.',
      ),
    createdAt: z.int().min(0).describe('Epoch milliseconds.'),
  })
  .meta({ description: 'An extension that sessions of this account may load.', examples: [exampleExtension] });
export type ExtensionView = z.infer<typeof extensionView>;

export const extensionList = z
  .strictObject({ extensions: z.array(extensionView).describe('Of this account, oldest first.') })
  .meta({ description: 'Extensions.', examples: [{ extensions: [exampleExtension] }] });
export type ExtensionList = z.infer<typeof extensionList>;

/** The JSON form of an upload. */
export const uploadExtensionRequest = z
  .strictObject(
    {
      name: z
        .string('must be a string')
        .min(1, 'must not be empty')
        .max(256, 'must have at most 256 characters')
        .optional()
        .describe('Instead of the name in its manifest.'),
      file: z
        .string('must be the file in base64')
        .regex(/^[A-Za-z0-9+/]*={0,2}$/, 'must be base64')
        .describe('The file, a .zip or .crx, in base64.'),
    },
    { error: (issue) => (issue.code === 'invalid_type' ? 'the body must be a JSON object' : undefined) },
  )
  .meta({ description: 'A packed extension.', examples: [{ file: 'UEsDBBQAAAAIA…'.replace('…', 'A') }] });

/** Bytes of a request that brings a packed extension: in base64 it is a third longer. */
export const maxUploadBytes = Math.ceil(maxPackedExtensionBytes / 3) * 4 + 64 * 1024;

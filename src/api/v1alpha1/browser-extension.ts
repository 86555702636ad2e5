import { z } from 'zod';
import type { StoredObject } from '../../lib/object-meta.ts';
import type { Resource } from '../../lib/resource.ts';
import { apiVersion } from './group.ts';
import { acceptance, admitSpec, localRef, unobserved } from './kind.ts';

/** More than that is cut off when it is reported. */
export const maxPermissions = 500;
export const maxPermissionLength = 512;
const permissionList = z.array(z.string().max(maxPermissionLength)).max(maxPermissions);

export const browserExtensionSpec = z
  .strictObject({
    accountRef: localRef.describe('The account that may use it.'),
    name: z.string().min(1).max(256).describe('Name as the manifest gives it.'),
    version: z.string().min(1).max(64).describe('Version as the manifest gives it.'),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .describe('Hash of the packed extension, in hex; its key in the blob store.'),
    size: z.int().min(1).max(52_428_800).describe('Packed size in bytes.'),
    manifestVersion: z.int().min(2).max(3).optional().describe('Version of the manifest format; browsers load 3.'),
    permissions: permissionList.optional().describe('APIs that its manifest asks for, as found at the upload.'),
    hostPermissions: permissionList.optional().describe('Sites that it may act on, as match patterns.'),
    chromiumId: z
      .string()
      .regex(/^[a-p]{32}$/)
      .optional()
      .describe('The id that it has in every browser: chrome-extension://<id>/.'),
  })
  .describe('A Chromium extension that sessions of an account may load; its bytes lie in the blob store.');
export type BrowserExtensionSpec = z.infer<typeof browserExtensionSpec>;

export const browserExtensionStatus = acceptance('What Porthole makes of the extension.');
export type BrowserExtensionStatus = z.infer<typeof browserExtensionStatus>;

export interface BrowserExtension extends StoredObject {
  readonly apiVersion: typeof apiVersion;
  readonly kind: 'BrowserExtension';
  readonly spec: BrowserExtensionSpec;
  readonly status?: BrowserExtensionStatus;
}

export const browserExtensions: Resource<BrowserExtension> = {
  apiVersion,
  kind: 'BrowserExtension',
  plural: 'browserextensions',
  hasStatus: true,
  initialStatus: unobserved,
  admit: admitSpec(browserExtensionSpec),
};

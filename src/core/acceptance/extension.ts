import { readiness } from '../conditions.ts';
import type { AcceptanceVerdict } from './status.ts';

export interface ExtensionFacts {
  readonly hasAccount: boolean;
  /** Whether the blob store has the bytes of its hash; unknown: it does not answer. */
  readonly hasBlob: boolean | 'unknown';
}

/** What an extension waits for is put right elsewhere, by whoever applies the account or uploads the file: it need not be edited. */
export function judgeExtension({ hasAccount, hasBlob }: ExtensionFacts): AcceptanceVerdict {
  if (!hasAccount)
    return readiness.reconciling({
      reason: 'AccountNotFound',
      message: 'The account of accountRef does not exist. Create it.',
    });
  if (hasBlob === 'unknown')
    return readiness.reconciling({
      reason: 'BlobStoreUnavailable',
      message: 'The blob store does not answer. See PORTHOLE_BLOBS of the operator, and its log.',
    });
  if (!hasBlob)
    return readiness.reconciling({
      reason: 'BlobMissing',
      message: 'The blob store has no file of this sha256. Upload it: POST /browser/extensions.',
    });
  return readiness.ready({ reason: 'Accepted', message: 'Sessions of its account may name it.' });
}

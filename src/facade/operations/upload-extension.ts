import { headers } from '../../api/rest/paths.ts';
import { Problem } from '../../api/rest/problem.ts';
import { inspectPackage, sha256Of, type Inspection } from '../../extensions/inspect.ts';
import { PackageError } from '../../extensions/package-error.ts';
import type { Upload } from '../extension/read-upload.ts';
import { toExtensionView, type ExtensionShelf, type Placed } from '../extension/shelf.ts';
import type { Answer, Call, Operation } from '../http/exchange.ts';
import type { Turnstile } from '../http/turnstile.ts';
import { invalid } from '../http/validate.ts';
import { bodyHash, parseIdempotencyKey, recordName } from '../idempotency/key.ts';
import type { RequestRecord, RequestRecords } from '../idempotency/records.ts';

export interface UploadExtensionOptions {
  readonly shelf: ExtensionShelf;
  readonly records: Pick<RequestRecords, 'claim' | 'forget'>;
  /** Each upload is held in memory as a whole. */
  readonly turnstile: Turnstile;
}

async function inspect({ bytes, name }: Upload): Promise<Inspection> {
  try {
    const inspection = await inspectPackage(bytes);
    return name === undefined ? inspection : { ...inspection, name };
  } catch (error) {
    if (!(error instanceof PackageError)) throw error;
    if (error.trouble === 'TooLarge') throw new Problem('payload_too_large', error.message, { cause: error });
    throw invalid([{ path: 'file', message: error.message }]);
  }
}

/**
 * With an Idempotency-Key the record only says which body it came with: what a repetition creates is, by its name, what the first request
 * has created.
 */
export function uploadExtension({ shelf, records, turnstile }: UploadExtensionOptions): Operation {
  const claim = async ({ account, idempotencyKey }: Call, upload: Upload): Promise<RequestRecord | undefined> => {
    const key = parseIdempotencyKey(idempotencyKey);
    if (key === undefined) return undefined;
    const hash = bodyHash({ sha256: sha256Of(upload.bytes), name: upload.name ?? null });
    return records.claim(recordName({ account, operation: 'uploadExtension', key }), hash);
  };
  const place = async (call: Call, upload: Upload, record: RequestRecord | undefined): Promise<Placed> => {
    try {
      return await shelf.place({ account: call.account, bytes: upload.bytes, inspection: await inspect(upload) });
    } catch (error) {
      if (record?.mine === true) await records.forget(record);
      throw error;
    }
  };
  return (call) =>
    turnstile.run(async (): Promise<Answer> => {
      const upload = await call.upload();
      const record = await claim(call, upload);
      const { extension, isNew } = await place(call, upload, record);
      const isReplay = record !== undefined && !record.mine;
      return {
        status: isNew || isReplay ? 201 : 200,
        body: toExtensionView(extension),
        headers: isReplay ? { [headers.idempotencyReplayed]: 'true' } : {},
      };
    });
}

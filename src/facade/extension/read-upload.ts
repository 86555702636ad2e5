import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import busboy from 'busboy';
import { maxPackedExtensionBytes } from '../../api/agent/contract.ts';
import { maxUploadBytes, uploadExtensionRequest } from '../../api/rest/extension.ts';
import { Problem } from '../../api/rest/problem.ts';
import { parseJsonOf } from '../http/read-json.ts';
import { invalid, validate } from '../http/validate.ts';

/** A file that somebody sends. */
export interface Upload {
  readonly bytes: Buffer;
  /** Instead of the name that its manifest gives it. */
  readonly name: string | undefined;
}

const tooLarge = (): Problem =>
  new Problem('payload_too_large', `The file may have at most ${maxPackedExtensionBytes} bytes.`);
const wanting = (message: string): Problem => invalid([{ path: 'file', message }]);
const brokeOff = (cause: unknown): Problem =>
  cause instanceof Problem ? cause : new Problem('invalid_request', 'The body broke off.', { cause });

/** All of the stream, or a 413. What is too much is read and dropped, so that the client gets to see the answer. */
async function readAtMost(stream: Readable, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limit) chunks.length = 0;
    else chunks.push(chunk);
    if (length > 2 * limit) break;
  }
  if (length > limit) throw tooLarge();
  return Buffer.concat(chunks, length);
}

/** https://www.rfc-editor.org/rfc/rfc7578: the one file in the field `file`. */
function readMultipart(req: IncomingMessage): Promise<Upload> {
  return new Promise((resolve, reject) => {
    let parser: busboy.Busboy;
    try {
      parser = busboy({ headers: req.headers, limits: { fields: 8, files: 2, fieldSize: 4096, headerPairs: 50 } });
    } catch (cause) {
      reject(new Problem('unsupported_media_type', 'The form has no boundary.', { cause }));
      return;
    }
    const files: Promise<Buffer>[] = [];
    const unknown: string[] = [];
    parser.on('file', (field, stream) => {
      const reading = field === 'file' ? readAtMost(stream, maxPackedExtensionBytes) : undefined;
      if (!reading) {
        unknown.push(field);
        stream.resume();
        return;
      }
      // Nobody reads the rest of a form whose file was given up.
      reading.catch((error: unknown) => {
        req.unpipe(parser);
        reject(brokeOff(error));
      });
      files.push(reading);
    });
    parser.on('field', (field) => unknown.push(field));
    parser.on('error', (cause) => reject(brokeOff(cause)));
    parser.on('close', () => {
      finishForm(files, unknown).then(resolve, (error: unknown) => reject(brokeOff(error)));
    });
    req.on('error', (cause) => reject(brokeOff(cause)));
    req.on('aborted', () => reject(brokeOff(new Error('aborted'))));
    req.pipe(parser);
  });
}

async function finishForm(files: readonly Promise<Buffer>[], unknown: readonly string[]): Promise<Upload> {
  const [strange] = unknown;
  if (strange !== undefined)
    throw invalid([{ path: strange.slice(0, 64), message: 'unknown field; send the file as file' }]);
  const [first, second] = files;
  if (!first) throw wanting('the form has no file in a field of this name');
  if (second) throw wanting('send one file at a time');
  return { bytes: await first, name: undefined };
}

async function readJsonUpload(req: IncomingMessage): Promise<Upload> {
  const text = await readAtMost(req, maxUploadBytes).catch((error: unknown) => {
    throw brokeOff(error);
  });
  const { file, name } = validate(uploadExtensionRequest, parseJsonOf(req, text));
  const bytes = Buffer.from(file, 'base64');
  if (bytes.length > maxPackedExtensionBytes) throw tooLarge();
  return { bytes, name };
}

/** The file in a request's body, whichever way it comes. Throws payload_too_large, unsupported_media_type, invalid_request. */
export async function readUpload(req: IncomingMessage): Promise<Upload> {
  const isForm = /^multipart\/form-data\b/i.test(req.headers['content-type'] ?? '');
  if (Number(req.headers['content-length'] ?? 0) > 2 * maxUploadBytes) throw tooLarge();
  const upload = await (isForm ? readMultipart(req) : readJsonUpload(req));
  if (upload.bytes.length === 0) throw wanting('the file is empty');
  return upload;
}

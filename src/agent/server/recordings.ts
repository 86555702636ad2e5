import { createReadStream } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { paths } from '../../api/agent/contract.ts';
import type { Recorder } from '../recorder/recorder.ts';
import { Refusal } from './refusal.ts';

const idForm = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function parseFrom(text: string | null): number {
  const from = text === null ? 0 : /^\d{1,15}$/.test(text) ? Number(text) : -1;
  if (from < 0) throw new Refusal('bad_request', 'from must be the number of a byte.');
  return from;
}

async function send(response: ServerResponse, body: Readable): Promise<void> {
  response.writeHead(200, { 'content-type': 'video/mp4' });
  // At once: whoever follows a recording that has nothing new yet shall know that it is there.
  response.flushHeaders();
  // Whoever hangs up wants no more of it.
  await pipeline(body, response).catch(() => response.destroy());
}

/** Calls under /v1/recordings/<id>: see `paths.recordings` of api/agent/contract. */
export async function answerRecording(
  request: IncomingMessage,
  response: ServerResponse,
  recorder: Recorder,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://agent');
  const id = pathname.slice(paths.recordings.length + 1);
  if (!idForm.test(id)) throw new Refusal('no_recording', 'There is no such recording here.');
  recorder.noteReader();
  if (request.method === 'DELETE') {
    await recorder.forget(id);
    writeEmpty(response);
    return;
  }
  if (request.method !== 'GET') throw new Refusal('not_found', `There is no ${request.method ?? ''} for recordings.`);
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  switch (searchParams.get('part')) {
    case 'kept':
      await recorder.whenKept(id, gone.signal);
      writeEmpty(response);
      return;
    case 'final': {
      const finalFile = await recorder.find(id).finalFile();
      if (finalFile === undefined) throw new Refusal('no_recording', 'The recording has not been made into one file.');
      await send(response, createReadStream(finalFile));
      return;
    }
    case null: {
      const recording = recorder.find(id);
      await send(response, Readable.from(recording.read(parseFrom(searchParams.get('from')), gone.signal)));
      recorder.noteReader();
      return;
    }
    default:
      throw new Refusal('bad_request', 'part must be final or kept.');
  }
}

function writeEmpty(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': 2 }).end('{}');
}

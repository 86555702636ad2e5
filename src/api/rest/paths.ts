/** Every path works below this prefix and without it. */
export const basePath = '/api/v1';

/** Operation → method and path, in OpenAPI's spelling. The router and the OpenAPI document are both made from it. */
export const operations = {
  createSession: { method: 'post', path: '/browser/sessions' },
  listSessions: { method: 'get', path: '/browser/sessions' },
  getSession: { method: 'get', path: '/browser/sessions/{id}' },
  deleteSession: { method: 'delete', path: '/browser/sessions/{id}' },
  getLiveView: { method: 'get', path: '/browser/sessions/{id}/live-view' },
  uploadExtension: { method: 'post', path: '/browser/extensions' },
  listExtensions: { method: 'get', path: '/browser/extensions' },
  getExtension: { method: 'get', path: '/browser/extensions/{id}' },
  deleteExtension: { method: 'delete', path: '/browser/extensions/{id}' },
  startRecording: { method: 'post', path: '/browser/sessions/{id}/recording/start' },
  stopRecording: { method: 'post', path: '/browser/sessions/{id}/recording/stop' },
  getRecording: { method: 'get', path: '/browser/sessions/{id}/recording' },
  listRecordings: { method: 'get', path: '/browser/sessions/{id}/recordings' },
  keepSessionAlive: { method: 'post', path: '/browser/sessions/{id}/keep-alive' },
} as const;
export type OperationName = keyof typeof operations;

export const headers = {
  requestId: 'x-request-id',
  idempotencyKey: 'idempotency-key',
  /** `true` on an answer that repeats an earlier one. */
  idempotencyReplayed: 'idempotency-replayed',
} as const;

/** What an x-request-id must look like to be taken over; else one is made. */
export const requestIdForm = /^[A-Za-z0-9._:/+=@-]{1,128}$/;
/** Printable ASCII. */
export const idempotencyKeyForm = /^[\x20-\x7e]{1,255}$/;
/** How long a key is remembered, in milliseconds. */
export const idempotencyWindowMs = 24 * 60 * 60 * 1000;
/** Largest body in bytes. */
export const maxBodyBytes = 1024 * 1024;

import type * as Http from 'node:http';

/**
 * What our programs take from node:http. An `import` of that module reads all of its exports, among
 * them WebSocket, which loads the whole of undici: 33 ms of CPU and 16 MB in programs that want neither (Node 26).
 * https://nodejs.org/api/process.html#processgetbuiltinmoduleid
 */
export const { Agent, createServer, request, ServerResponse, STATUS_CODES } = process.getBuiltinModule('node:http');

export type Agent = Http.Agent;
export type ServerResponse = Http.ServerResponse;

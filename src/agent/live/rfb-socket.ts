import { openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import path from 'node:path';

/** What a UNIX socket's address holds: unix(7), without the final zero. */
const longestAddress = 107;

/** A way to connect to a UNIX socket, however long its path is: a folder may be named by an open descriptor. */
export function createConnector(file: string): () => Socket {
  let address = file;
  if (Buffer.byteLength(file) > longestAddress) {
    // For as long as the agent lives.
    const folder = openSync(path.dirname(file), 'r');
    address = `/proc/self/fd/${folder}/${path.basename(file)}`;
  }
  return () => connect({ path: address });
}

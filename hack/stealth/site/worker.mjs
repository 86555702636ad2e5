// @ts-nocheck It runs in workers of three kinds.
import { readContext } from './context.mjs';

const read = readContext().catch((error) => ({ error: String(error) }));

if ('onconnect' in self) {
  self.onconnect = ({ ports }) => void read.then((context) => ports[0].postMessage(context));
} else if ('skipWaiting' in self) {
  self.addEventListener('install', () => void self.skipWaiting());
  self.addEventListener('message', (event) =>
    event.waitUntil(read.then((context) => event.source.postMessage(context))),
  );
} else {
  void read.then((context) => self.postMessage(context));
}

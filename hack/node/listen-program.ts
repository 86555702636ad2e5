/** `listen-program.ts ADDRESS PORT`: listens there, in whatever network it runs, hands the listening socket to whoever started it, and ends. */
import { createServer } from 'node:net';

const server = createServer();
server.listen({ host: process.argv[2], port: Number(process.argv[3]) }, () => {
  process.send?.('listening', server, {}, () => process.exit());
});

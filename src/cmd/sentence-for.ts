import { DataFolderInUse } from './data-folder.ts';
import { ProcessFailure } from './exit-codes.ts';

/** People read it: a known failure is a sentence, anything else keeps its stack. */
export function sentenceFor(error: unknown): string {
  if (error instanceof DataFolderInUse || error instanceof ProcessFailure) return error.message;
  if (!(error instanceof Error)) return String(error);
  const { code, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string };
  if (code === 'EADDRINUSE')
    return `${address}:${port} is in use. Choose another port (0: any free one), or end what listens there.`;
  if (code === 'EADDRNOTAVAIL') return `${address} is no address of this machine. Set PORTHOLE_HOST to one.`;
  if (code === 'EACCES' || code === 'EPERM')
    return `${error.message}. This user may not do that; another data folder or port may help.`;
  return error.stack ?? error.message;
}

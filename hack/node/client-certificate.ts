import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** As whom an API server asks kubelets; what that one may do is RBAC's to say. */
export const kubeletClient = 'porthole-kubelet-client';

/** Absolute paths. */
export interface ClientCertificate {
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

/** `kubectl logs` and `exec` go through the API server, which kubelets know by a certificate only: made here, good for a year. */
export async function makeClientCertificate(folder: string): Promise<ClientCertificate> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const at = (file: string): string => path.join(folder, file);
  const openssl = (...args: string[]): Promise<unknown> => run('openssl', args);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.crt'),
    '-subj',
    '/CN=porthole-kubelet-client-ca',
    '-days',
    '365',
  );
  await openssl(
    'req',
    ...newKey,
    '-keyout',
    at('client.key'),
    '-out',
    at('client.csr'),
    '-subj',
    `/CN=${kubeletClient}`,
  );
  await openssl(
    'x509',
    '-req',
    '-in',
    at('client.csr'),
    '-CA',
    at('ca.crt'),
    '-CAkey',
    at('ca.key'),
    '-CAcreateserial',
    '-days',
    '365',
    '-out',
    at('client.crt'),
  );
  return { authority: at('ca.crt'), certificate: at('client.crt'), key: at('client.key') };
}

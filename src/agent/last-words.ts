import { writeFileSync } from 'node:fs';

/** https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/ */
const terminationLog = '/dev/termination-log';
/** Bytes; what is beyond, the kubelet cuts off. */
const longest = 4_096;

/** Leaves in the Pod's status why this container ends. The kubelet has made the file; where there is none, nobody reads it. */
export function leaveLastWords(text: string, file = terminationLog): void {
  try {
    writeFileSync(file, text.slice(0, longest), { flag: 'r+' });
  } catch {
    // It is in the log as well.
  }
}

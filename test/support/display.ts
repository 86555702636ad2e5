import { findProgram } from '../../src/agent/find-program.ts';
import { isLocal } from './world.ts';

/** Whether sandboxes have a display: Xvnc is on this machine, or they run in an image, which has it. */
export const hasDisplay =
  !isLocal || findProgram(['Xtigervnc', 'Xvnc'], process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin') !== undefined;

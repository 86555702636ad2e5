import type { ConditionUpdate } from '../conditions.ts';

/** What has become of a session's newest recording. cutShort: its last seconds could not be had. */
export type RecordingState = 'running' | 'stopped' | 'cutShort';

const verdicts = {
  running: { status: 'True', reason: 'Recording', message: 'The screen is being recorded.' },
  stopped: { status: 'False', reason: 'Stopped', message: 'The recording has ended and can be downloaded.' },
  cutShort: {
    status: 'False',
    reason: 'Failed',
    message:
      'The sandbox was lost while it recorded: what was stored by then, all but the last seconds, can be downloaded.',
  },
} as const;

export function recordingCondition(state: RecordingState): ConditionUpdate {
  return { type: 'Recording', ...verdicts[state] };
}

import { randomInt } from 'node:crypto';
import { startOperator, type Operator, type OperatorOptions } from '../../controllers/operator.ts';
import { publicKeyTextOf } from '../../lib/ticket.ts';
import type { Keys } from '../keys.ts';

type Given = Omit<OperatorOptions, 'settings' | 'tokenKey' | 'randomSuffix'>;

export interface ControllersOptions extends Given {
  readonly keys: Keys;
  readonly settings: Omit<OperatorOptions['settings'], 'ticketKey'>;
}

/** The operator with the keys of this installation. */
export function startControllers({ keys, settings, ...options }: ControllersOptions): Operator {
  return startOperator({
    ...options,
    tokenKey: keys.tokenKey,
    settings: { ...settings, ticketKey: publicKeyTextOf(keys.ticketKey) },
    randomSuffix: () => Array.from({ length: 10 }, () => randomInt(36).toString(36)).join(''),
  });
}

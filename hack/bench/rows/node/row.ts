export const section = 'node';

/** The first one finds caches, code and connections cold, and does not count. */
export const droppedRounds = 1;

/** By turns the one and the other first: whoever comes second may have to clear up after the first. */
export const inTurn = <T>(round: number, items: readonly T[]): readonly T[] =>
  round % 2 === 0 ? items : items.toReversed();

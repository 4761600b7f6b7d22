/**
 * Whether document `number` (counted from 0 in reading order, those without text not counted) is held out: every n-th,
 * beginning with number n / 2, so that a source of one document keeps it for training. 0: none.
 */
export function isHeldOut(number: number, every: number): boolean {
  return every > 0 && number % every === every >> 1;
}

/** Whether `isHeldOut` holds out any of so many documents. */
export function holdsOutAny(documents: number, every: number): boolean {
  return every > 0 && documents > every >> 1;
}

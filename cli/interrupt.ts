import { StopSignal } from "../runtime/run/events.ts";

/**
 * Ctrl-C, or SIGTERM, once: ask the work to come to its next good end. Twice: end now; what was saved before is intact. It stays so
 * until the process ends, so that a second key while the first is being answered gives the same exit status.
 *
 * @param onFirst tells the user what happens now
 * @param onSecond has the last word
 * @param signals that are heard
 * @param endings signals that count as the second one at once
 */
export function stopOnInterrupt(
  onFirst: () => void,
  onSecond: () => void = () => {},
  signals: NodeJS.Signals[] = ["SIGINT", "SIGTERM"],
  endings: NodeJS.Signals[] = [],
): StopSignal {
  const stop = new StopSignal();
  const end = () => {
    onSecond();
    process.exit(130);
  };
  const handle = () => {
    if (stop.requested) end();
    stop.request();
    onFirst();
  };
  for (const signal of signals) process.on(signal, handle);
  for (const signal of endings) process.on(signal, end);
  return stop;
}

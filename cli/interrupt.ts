import { StopSignal } from "../runtime/run/events.ts";

/**
 * Ctrl-C, or SIGTERM, once: ask the work to come to its next good end. Twice: end now; what was saved before is intact. It stays so
 * until the process ends, so that a second key while the first is being answered gives the same exit status.
 *
 * @param onFirst tells the user what happens now
 * @param onSecond has the last word
 */
export function stopOnInterrupt(onFirst: () => void, onSecond: () => void = () => {}): StopSignal {
  const stop = new StopSignal();
  const handle = () => {
    if (stop.requested) {
      onSecond();
      process.exit(130);
    }
    stop.request();
    onFirst();
  };
  process.on("SIGINT", handle);
  process.on("SIGTERM", handle);
  return stop;
}

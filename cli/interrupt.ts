import { StopSignal } from "../runtime/run/events.ts";

/**
 * Ctrl-C, or SIGTERM, once: ask the run to finish its step and save. Twice: end now; the last checkpoint is intact.
 *
 * @returns the signal for the run, and a function that gives the keys back
 */
export function stopOnInterrupt(
  onFirst: () => void,
  signals: NodeJS.Signals[] = ["SIGINT", "SIGTERM"],
): { stop: StopSignal; release: () => void } {
  const stop = new StopSignal();
  const handle = () => {
    if (stop.requested) process.exit(130);
    stop.request();
    onFirst();
  };
  for (const signal of signals) process.on(signal, handle);
  return {
    stop,
    release: () => {
      for (const signal of signals) process.off(signal, handle);
    },
  };
}

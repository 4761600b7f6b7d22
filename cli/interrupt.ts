import { StopSignal } from "../runtime/run/events.ts";

/**
 * Ctrl-C, or SIGTERM, once: ask the run to finish its step and save. Twice: end now; the last checkpoint is intact.
 *
 * @returns the signal for the run, and a function that gives the keys back
 */
export function stopOnInterrupt(onFirst: () => void): { stop: StopSignal; release: () => void } {
  const stop = new StopSignal();
  const handle = () => {
    if (stop.requested) process.exit(130);
    stop.request();
    onFirst();
  };
  process.on("SIGINT", handle);
  process.on("SIGTERM", handle);
  return {
    stop,
    release: () => {
      process.off("SIGINT", handle);
      process.off("SIGTERM", handle);
    },
  };
}

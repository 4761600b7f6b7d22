import type { StopSignal } from "../run/events.ts";
import { Failure } from "../run/failure.ts";
import type { NativeEngine } from "./addon.ts";

/**
 * Does what need not be finished once the user asks to stop: the engine's running call ends at its next tile.
 *
 * @throws Failure of kind "interrupted" when it was stopped
 */
export async function cancelOnStop<T>(
  engine: Pick<NativeEngine, "cancel">,
  stop: StopSignal,
  work: () => Promise<T>,
): Promise<T> {
  stop.throwIfRequested();
  const release = stop.onRequest(() => engine.cancel());
  try {
    return await work();
  } catch (error) {
    if ((error as { code?: string } | null)?.code !== "CTX_CANCELLED") throw error;
    throw new Failure("interrupted", "stopped as asked", null, error);
  } finally {
    release();
  }
}

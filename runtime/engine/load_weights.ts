import { Failure, messageOf } from "../run/failure.ts";
import type { NativeEngine, NativeSlot, NativeTensorSource } from "./addon.ts";

/**
 * Copies tensors from files into an engine.
 *
 * @throws Failure naming file and tensor where the file cannot be read, or a number is NaN or infinite: training from it could
 *   only give NaN, and an evaluation would measure nothing
 */
export async function loadWeights(
  engine: Pick<NativeEngine, "load">,
  sources: NativeTensorSource[],
  slot: NativeSlot,
  partial: boolean,
): Promise<void> {
  try {
    await engine.load(sources, slot, partial);
  } catch (error) {
    if ((error as { code?: string } | null)?.code !== "CTX_IO") throw error;
    throw new Failure("input", messageOf(error).replace(/^load: /, ""), remedy(messageOf(error)), error);
  }
}

function remedy(text: string): string {
  if (/ holds (NaN|(minus )?infinity) /.test(text))
    return "the file is damaged, or was saved after its training had diverged: download it anew, or take an earlier checkpoint";
  if (/too many open files/i.test(text)) return "raise the limit on open files (ulimit -n) and try again";
  if (/permission denied/i.test(text)) return "give yourself the right to read it";
  if (/truncated|ended inside/.test(text)) return "copy or download the file anew";
  return "see whether the file is still there and the disk is sound, or copy the file anew";
}

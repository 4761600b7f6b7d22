import type { PlanHardware, PlanLedger, PlanModel } from "../plan.ts";

/** Bytes of a batch for each token: id, position, document start, target and loss weight, four each. */
const BATCH_BYTES = 20;

/**
 * What one host's memory must hold, in bytes by term.
 *
 * - `weights_file`: the base model's file while it is mapped in (0 for a new model);
 * - `batch`: the rows of one optimizer step;
 * - `device`: on a CPU the arena itself lies in the host's memory.
 *
 * @param fileBytes of one weight in the base model's file: 2 for bf16 and f16, 4 for f32
 */
export function hostBytes(
  model: Pick<PlanModel, "parameters" | "initialize">,
  stage: { sequences: number; length: number },
  hardware: Pick<PlanHardware, "kind">,
  ledger: Pick<PlanLedger, "total">,
  fileBytes: number,
): { [term: string]: number } {
  return {
    weights_file: model.initialize ? 0 : model.parameters * fileBytes,
    batch: stage.sequences * stage.length * BATCH_BYTES,
    ...(hardware.kind === "cpu" && { device: ledger.total }),
  };
}

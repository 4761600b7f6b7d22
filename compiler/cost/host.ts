import type { PlanHardware, PlanLedger } from "../plan.ts";

/** Bytes of a batch for each token: id, position, document start, target and loss weight, four each. */
const BATCH_BYTES = 20;

/**
 * What one host's memory must hold, in bytes by term.
 *
 * - `engine`: on a CPU the arena itself lies in the host's memory, and what grows beside it is small;
 * - `batch`: of GPUs, the rows of an optimizer step that are for this host's devices.
 *
 * @param devices that the stage uses, in all
 */
export function hostBytes(
  stage: { sequences: number; length: number },
  hardware: Pick<PlanHardware, "kind" | "devices_per_host">,
  devices: number,
  ledger: Pick<PlanLedger, "total">,
): { [term: string]: number } {
  if (hardware.kind === "cpu") return { engine: ledger.total };
  const hosts = Math.ceil(devices / hardware.devices_per_host);
  return { batch: Math.ceil((stage.sequences * stage.length * BATCH_BYTES) / hosts) };
}

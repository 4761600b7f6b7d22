import type { PlanHardware } from "../plan.ts";

/** Bytes of a batch for each token: id, position, document start, target and loss weight, four each. */
const BATCH_BYTES = 20;

/** What a stage asks of a host's memory. */
export interface HostNeeds {
  /** Rows of a step. */
  sequences: number;
  /** Tokens of a row. */
  length: number;
  /** Devices that the stage uses, in all. */
  devices: number;
  /** Bytes of a device's arena. */
  device: number;
  /** Bytes of layer inputs that wait in the host's memory for one device. */
  offloaded: number;
}

/**
 * What one host's memory must hold, in bytes by term.
 *
 * - `engine`: on a CPU the arena itself lies in the host's memory, and what grows beside it is small;
 * - `batch`: of GPUs, the rows of an optimizer step that are for this host's devices;
 * - `offload`: layer inputs that do not wait on the devices.
 */
export function hostBytes(
  needs: HostNeeds,
  hardware: Pick<PlanHardware, "kind" | "devices_per_host">,
): { [term: string]: number } {
  const { sequences, length, devices, device, offloaded } = needs;
  if (hardware.kind === "cpu") return offloaded > 0 ? { engine: device, offload: offloaded } : { engine: device };
  const hosts = Math.ceil(devices / hardware.devices_per_host);
  const batch = Math.ceil((sequences * length * BATCH_BYTES) / hosts);
  return offloaded > 0 ? { batch, offload: Math.ceil(devices / hosts) * offloaded } : { batch };
}

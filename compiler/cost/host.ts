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
  /** Bytes of gradients that wait there. */
  gradients: number;
  /** Bytes of the optimizer's moments that wait there for one device. */
  moments: number;
}

/**
 * What one host's memory must hold, in bytes by term.
 *
 * - `engine`: on a CPU the arena itself lies in the host's memory, and what grows beside it is small;
 * - `batch`: of GPUs, the rows of an optimizer step that are for this host's devices;
 * - `offload`: layer inputs that do not wait on the devices;
 * - `gradients`: those of layers, where they do not lie on the device;
 * - `optimizer`: its moments, where they do not lie on the devices.
 */
export function hostBytes(
  needs: HostNeeds,
  hardware: Pick<PlanHardware, "kind" | "devices_per_host">,
): { [term: string]: number } {
  const { sequences, length, devices, device, offloaded, gradients, moments } = needs;
  const cpu = hardware.kind === "cpu";
  const hosts = Math.ceil(devices / hardware.devices_per_host);
  const here = cpu ? 1 : Math.ceil(devices / hosts);
  return {
    ...(cpu ? { engine: device } : { batch: Math.ceil((sequences * length * BATCH_BYTES) / hosts) }),
    ...(offloaded > 0 && { offload: here * offloaded }),
    ...(gradients > 0 && { gradients }),
    ...(moments > 0 && { optimizer: here * moments }),
  };
}

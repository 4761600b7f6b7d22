import { cpuHardware, gpuHardware, type HardwarePreset, hardwarePreset, isPreset } from "../cost/hardware.ts";
import type { PlanHardware } from "../plan.ts";
import type { Reader } from "./reader.ts";

const GiB = 2 ** 30;

/** Parameters from which a recipe with several devices is taken to be meant for GPUs. */
const large = 1e9;

/**
 * The machine that the plan is for: a preset, with what the recipe writes beside it. Without a block it is the machine
 * that compiles, or H100s where a large model asks for several devices.
 *
 * @param asked largest number of devices that `parallel` asks for anywhere
 */
export function lowerHardware(reader: Reader, parameters: number, asked: number): PlanHardware {
  const preset = choosePreset(reader, parameters, asked);
  const own = <T>(name: string, value: T | undefined, otherwise: T): T => {
    if (value !== undefined && reader.has(name)) return value;
    if (reader.section) reader.note(name, String(otherwise), preset.origin);
    return otherwise;
  };
  const kind = own("kind", reader.text("kind") as PlanHardware["kind"] | undefined, preset.kind);
  const devices = reader.has("devices") ? (reader.number("devices") ?? Math.max(1, asked)) : Math.max(1, asked);
  for (const [name, at] of [
    ["devices", "devices"],
    ["efficiency", "efficiency"],
    ["peak", "peak_flops"],
  ] as const)
    reader.trace(name, `/hardware/${at}`);
  for (const name of ["link", "network"]) reader.claim(name, `/hardware/${name}`);
  if (!reader.has("devices")) reader.note("devices", String(devices), "as many as parallel asks for");
  if (reader.has("devices_per_host") && kind === "cpu") {
    const hint = "all its devices are threads of one host";
    reader.lowering.report.add("CTX7010", reader.at("devices_per_host"), { name: "devices_per_host", hint });
  }
  const memory = own("memory", reader.number("memory"), preset.device_bytes);
  // The ranks of a ring on a CPU are threads of one machine: each has its part of the peak.
  const share = kind === "cpu" ? devices : 1;
  const gpu = kind === "cuda";
  const peak = own("peak", reader.number("peak"), (gpu ? preset.peak_flops_bf16 : preset.peak_flops) / share);
  if (gpu && !reader.has("peak")) {
    reader.note("peak", String(preset.peak_flops_bf16), `${preset.origin}; dense bf16, whatever train.dtype says`);
  }
  const here = own("devices_per_host", reader.number("devices_per_host"), Math.min(devices, preset.devices_per_host));
  // A preset's host has eight GPUs: fewer are taken to come with their part of its memory.
  const part = isPreset(preset) ? Math.min(1, here / preset.devices_per_host) : 1;
  const efficiency = own("efficiency", reader.number("efficiency"), preset.efficiency);
  return {
    name: own("name", reader.text("name"), preset.name),
    kind,
    devices,
    devices_per_host: here,
    device_bytes: memory,
    host_bytes: own("host_memory", reader.number("host_memory"), gpu ? part * preset.host_bytes : memory),
    peak_flops: gpu ? (peak * preset.peak_flops) / preset.peak_flops_bf16 : peak,
    peak_flops_bf16: gpu || reader.has("peak") ? peak : preset.peak_flops_bf16 / share,
    efficiency,
    efficiency_bf16: reader.has("efficiency") ? efficiency : preset.efficiency_bf16,
    memory_bytes_per_second: own("bandwidth", reader.number("bandwidth"), preset.memory_bytes_per_second),
    link_bytes_per_second: own("link", reader.number("link"), preset.link_bytes_per_second),
    network_bytes_per_second: own("network", reader.number("network"), preset.network_bytes_per_second),
    origin: preset.origin,
  };
}

function choosePreset(reader: Reader, parameters: number, asked: number): HardwarePreset {
  if (reader.has("preset")) {
    const name = reader.text("preset") ?? "this";
    return hardwarePreset(name.replace("_80g", "")) ?? thisMachine(reader);
  }
  if (asked > 1 && parameters >= large && reader.text("kind") !== "cpu") {
    const preset = hardwarePreset("h100")!;
    reader.note("preset", "h100", `assumed for ${asked} devices and a model of this size`);
    return preset;
  }
  const machine = thisMachine(reader);
  if (isPreset(machine)) return machine;
  const device = machine.kind === "cuda" ? `${machine.name} of the machine that compiles` : "the machine that compiles";
  reader.note("preset", "this", device);
  return machine;
}

/**
 * What the host tells of its machine, of its GPU where that is asked for; without a host, a small one of the portable kind. A GPU that the
 * recipe speaks of, and that this machine does not have, is taken for an H100.
 */
function thisMachine(reader: Reader): HardwarePreset {
  const { lowering } = reader;
  const kind = reader.has("kind") ? reader.text("kind") : (lowering.host.device ?? "cpu");
  const gpu = kind === "cuda" ? lowering.host.gpu?.() : undefined;
  if (gpu) return gpuHardware(gpu);
  if (reader.text("kind") === "cuda" && reader.has("kind")) {
    reader.note("preset", "h100", "assumed: kind = cuda names no GPU, and this machine has none to ask");
    return hardwarePreset("h100")!;
  }
  return cpuHardware(lowering.host.machine() ?? { cores: 2, isa: "portable", memoryBytes: 8 * GiB });
}

import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import type { CpuFacts, GpuFacts } from "../compiler/cost/hardware.ts";
import { loadAddon } from "../runtime/engine/load.ts";
import { hostMemory } from "../runtime/run/memory_limits.ts";
import { readCalibration } from "./calibration.ts";

/**
 * This machine's processor as Node and Linux tell it, and as `ctx doctor --calibrate` measured it; instruction sets are
 * only known where /proc/cpuinfo is.
 */
export function processorFacts(): CpuFacts {
  const processors = cpus();
  const clock = (processors[0]?.speed ?? 0) / 1000;
  const cores = Math.max(1, processors.length);
  const calibration = readCalibration();
  const measured = calibration?.processor === processorName() && calibration.cores === cores ? calibration : undefined;
  return {
    cores,
    ...instructionSet(cpuinfo()),
    memoryBytes: hostMemory().bytes,
    ...(clock > 0 && { gigahertz: Number(clock.toFixed(1)) }),
    ...(measured && { measured: { peak: measured.peak, efficiency: measured.efficiency } }),
  };
}

/** This machine's GPUs as the driver tells them; undefined where there is none that ctx can use. */
export function gpuFacts(): GpuFacts | undefined {
  try {
    const { devices } = loadAddon().describe().cuda;
    const [first] = devices;
    const { bytes: hostBytes } = hostMemory();
    return first && { name: first.name, memoryBytes: first.memoryBytes, count: devices.length, hostBytes };
  } catch {
    return undefined; // recipes are compiled where nothing was built, too
  }
}

/** As the system calls it. */
export function processorName(): string {
  return cpus()[0]?.model.trim() || "unknown";
}

function cpuinfo(): string {
  try {
    return readFileSync("/proc/cpuinfo", "utf8");
  } catch {
    return "";
  }
}

/** AMD's family 25: Zen 3 and Zen 4, of which only Zen 4 has AVX-512, on units of 256 bits. */
const ZEN_4 = 25;

/** @param text of /proc/cpuinfo; empty where there is none */
export function instructionSet(text: string): Pick<CpuFacts, "isa" | "halved"> {
  const of = (key: string) => new RegExp(`^${key}\\s*:\\s*(.*)$`, "m").exec(text)?.[1] ?? "";
  const flags = ` ${of("flags")} `;
  if (!flags.includes(" avx512f ")) return { isa: flags.includes(" avx2 ") ? "avx2" : "portable" };
  const halved = of("vendor_id") === "AuthenticAMD" && Number(of("cpu family")) === ZEN_4;
  return { isa: flags.includes(" avx512_bf16 ") ? "avx512bf16" : "avx512", ...(halved && { halved }) };
}

import type { PlanHardware } from "../plan.ts";

/** One kind of machine, as a plan's hardware without the number of devices. */
export type HardwarePreset = Omit<PlanHardware, "devices"> & {
  /** What a rank can send to the next in one direction, bytes per second: NVLink within a host, else PCIe. */
  link_bytes_per_second: number;
};

const GiB = 2 ** 30;
const TERA = 1e12;
const GIGA = 1e9;

/**
 * Peaks are dense bf16 with fp32 accumulation from NVIDIA's data sheets (which print twice that, with sparsity, for Hopper
 * and later); memory is what the driver leaves usable, a little below the printed figure; host memory that of NVIDIA's
 * eight-way system of the generation. `efficiency` is the share of the peak over all FLOPs done, recomputation included:
 * what open long-context trainers reach end to end.
 */
const PRESETS = {
  // L40S data sheet: 362 TFLOP/s bf16, 48 GB GDDR6, PCIe 4.0 x16, no NVLink. Efficiency: Gradient's five Llama-3 stages
  // together (316,848 published GPU minutes) come to 0.35 on this count. Single stages scatter from 0.10 to 0.42, and the
  // 1M stage to an impossible 1.12 at its published batch of 16 (0.56 at the 8 that one card says).
  l40s: gpu("L40S", 44.5, 1024, 362, 0.3, 32, "NVIDIA L40S data sheet; Gradient's Llama-3 run"),
  // A100 data sheet: 312 TFLOP/s, 80 GB HBM2e, NVLink 600 GB/s both ways; DGX A100: 2 TB. EasyContext reports 38% at 700K.
  a100: gpu("A100-80", 79, 2048, 312, 0.45, 300, "NVIDIA A100 data sheet; EasyContext"),
  // H100 SXM data sheet: 989 TFLOP/s, 80 GB HBM3, NVLink 900 GB/s both ways; DGX H100: 2 TB. TRL reports 34-36% at 1M,
  // counted without recomputation.
  h100: gpu("H100", 79, 2048, 989, 0.45, 450, "NVIDIA H100 data sheet; TRL's long-context figures"),
  // H200 data sheet: the same compute, 141 GB HBM3e (139 GiB free on an idle card is 143,771 MiB less the driver's part).
  h200: gpu("H200", 138, 2048, 989, 0.45, 450, "NVIDIA H200 data sheet; TRL's long-context figures"),
  // DGX B200 data sheet: 72 PFLOP/s FP8 sparse over eight = 2.25 PFLOP/s bf16 dense each, 180 GB, NVLink 1.8 TB/s both ways.
  b200: gpu("B200", 176, 2048, 2250, 0.4, 900, "NVIDIA DGX B200 data sheet; efficiency assumed"),
};

export type HardwareName = keyof typeof PRESETS;

/** Names that `hardware` presets go by. */
export const HARDWARE_NAMES = Object.keys(PRESETS) as HardwareName[];

/** A preset by its name in lower case; null when there is none. */
export function hardwarePreset(name: string): HardwarePreset | null {
  return HARDWARE_NAMES.includes(name as HardwareName) ? PRESETS[name as HardwareName] : null;
}

function gpu(
  name: string,
  deviceGiB: number,
  hostGiB: number,
  teraflops: number,
  efficiency: number,
  linkGigabytes: number,
  origin: string,
): HardwarePreset {
  return {
    name,
    kind: "cuda",
    devices_per_host: 8,
    device_bytes: deviceGiB * GiB,
    host_bytes: hostGiB * GiB,
    peak_flops: teraflops * TERA,
    efficiency,
    link_bytes_per_second: linkGigabytes * GIGA,
    origin,
  };
}

/** fp32 operations per cycle and core: two fused multiply-adds over the vector's width. */
const FLOPS_PER_CYCLE = { avx512: 64, avx2: 32, portable: 16 };

export interface CpuFacts {
  /** Physical cores, or the threads that will be used. */
  cores: number;
  /** Instruction set of the CPU backend. */
  isa: keyof typeof FLOPS_PER_CYCLE;
  /** Clock under vector load. Default 3. */
  gigahertz?: number;
  memoryBytes: number;
}

/**
 * This machine's processor as hardware: one device that computes in fp32 and shares its memory with the host.
 * Efficiency 0.6: small models spend much of a step outside of matrix products.
 */
export function cpuHardware({ cores, isa, gigahertz = 3, memoryBytes }: CpuFacts): HardwarePreset {
  const perCycle = FLOPS_PER_CYCLE[isa];
  return {
    name: `${cores} cores, ${isa}`,
    kind: "cpu",
    devices_per_host: 1,
    device_bytes: memoryBytes,
    host_bytes: memoryBytes,
    peak_flops: cores * perCycle * gigahertz * GIGA,
    efficiency: 0.6,
    link_bytes_per_second: 10 * GIGA,
    origin: `${cores} cores × ${perCycle} fp32 operations a cycle × ${gigahertz} GHz`,
  };
}

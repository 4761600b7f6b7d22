import type { PlanHardware } from "../plan.ts";

/** One kind of machine, as a plan's hardware without the number of devices. */
export type HardwarePreset = Omit<PlanHardware, "devices">;

const GiB = 2 ** 30;
const TERA = 1e12;
const GIGA = 1e9;

/**
 * Peaks are dense bf16 with fp32 accumulation from NVIDIA's data sheets (which print twice that, with sparsity, for Ada and
 * later), and what they have for fp32 without tensor cores (TF32 is never used): of that an H200's products reached 0.76
 * (docs/benchmarks/gpu.md). Memory is what the driver leaves usable, a little below the printed figure; host memory and network that of
 * NVIDIA's eight-way system of the generation. Links and networks are one direction of one device.
 *
 * `efficiency` is the share of the peak over all FLOPs done, recomputation included: what open long-context trainers reach
 * end to end. Published MFU leaves recomputation out; with every layer checkpointed it is 0.79 of this share. What each
 * published run comes to is in test/compiler-numbers/published_times.test.ts.
 */
const PRESETS = {
  // L40S data sheet: 362.05 TFLOP/s bf16, 48 GB GDDR6 at 864 GB/s, PCIe 4.0 x16, no NVLink; network 200 Gb/s (OVX).
  // Efficiency: Gradient's five Llama-3 stages together come to 0.27, if the 1M stage had the 8 rows of its card's later edit:
  // with the 16 that its tokens ask for it would have needed more than the whole peak. Single stages scatter from 0.10 (256K,
  // over a network that held it back) to 0.56.
  l40s: gpu("L40S", {
    ...{ gibibytes: 44.5, gigabytesPerSecond: 864, teraflops: 362, teraflopsF32: 91.6, efficiency: 0.27 },
    ...{ hostGibibytes: 1024, link: 32, network: 25 },
    origin: "NVIDIA L40S data sheet; Gradient's Llama-3 run",
  }),
  // A100 data sheet: 312 TFLOP/s, 80 GB HBM2e at 2,039 GB/s, NVLink 600 GB/s both ways; DGX A100: 2 TB, 8 × 200 Gb/s.
  // Efficiency: EasyContext reaches 0.35 to 0.57 on eight, USP 0.60 on sixteen A800.
  a100: gpu("A100-80", {
    ...{ gibibytes: 79, gigabytesPerSecond: 2039, teraflops: 312, teraflopsF32: 19.5, efficiency: 0.5 },
    ...{ hostGibibytes: 2048, link: 300, network: 25 },
    origin: "NVIDIA A100 data sheet; EasyContext's figures",
  }),
  // The same with half the memory, HBM2 at 1,555 GB/s: DGX A100 320 GB, 1 TB.
  a100_40g: gpu("A100-40", {
    ...{ gibibytes: 39.5, gigabytesPerSecond: 1555, teraflops: 312, teraflopsF32: 19.5, efficiency: 0.5 },
    ...{ hostGibibytes: 1024, link: 300, network: 25 },
    origin: "NVIDIA A100 data sheet; EasyContext's figures",
  }),
  // H100 SXM data sheet: 989 TFLOP/s, 80 GB HBM3 at 3.35 TB/s, NVLink 900 GB/s both ways; DGX H100: 2 TB, 8 × 400 Gb/s.
  // Efficiency: TRL reaches 0.50 to 0.55 at 1M to 4M, ProLong 0.32 to 0.35 over 14,400 hours.
  h100: gpu("H100", {
    ...{ gibibytes: 79, gigabytesPerSecond: 3350, teraflops: 989, teraflopsF32: 67, efficiency: 0.45 },
    ...{ hostGibibytes: 2048, link: 450, network: 50 },
    origin: "NVIDIA H100 data sheet; TRL's and ProLong's figures",
  }),
  // H200 data sheet: the same compute, 141 GB HBM3e at 4.8 TB/s (139 GiB free on an idle card is 143,771 MiB less the
  // driver's part).
  h200: gpu("H200", {
    ...{ gibibytes: 138, gigabytesPerSecond: 4800, teraflops: 989, teraflopsF32: 67, efficiency: 0.45 },
    ...{ hostGibibytes: 2048, link: 450, network: 50 },
    origin: "NVIDIA H200 data sheet; the H100's efficiency",
  }),
  // DGX B200 data sheet: 72 PFLOP/s FP8 sparse over eight = 2.25 PFLOP/s bf16 dense each, 180 GB at 8 TB/s, NVLink 1.8 TB/s
  // both ways, 8 × 400 Gb/s.
  // No long-context run is published for it: less than the H100's share, for twice the peak over 1.7 times the bandwidth.
  b200: gpu("B200", {
    ...{ gibibytes: 176, gigabytesPerSecond: 8000, teraflops: 2250, teraflopsF32: 75, efficiency: 0.4 },
    ...{ hostGibibytes: 2048, link: 900, network: 50 },
    origin: "NVIDIA DGX B200 data sheet; efficiency assumed",
  }),
};

export type HardwareName = keyof typeof PRESETS;

/** Names that `hardware` presets go by. */
export const HARDWARE_NAMES = Object.keys(PRESETS) as HardwareName[];

/** A preset by its name in lower case; null when there is none. */
export function hardwarePreset(name: string): HardwarePreset | null {
  return HARDWARE_NAMES.includes(name as HardwareName) ? PRESETS[name as HardwareName] : null;
}

/** Whether figures are a preset's, not those of a machine. */
export function isPreset(hardware: HardwarePreset): boolean {
  return HARDWARE_NAMES.some((name) => PRESETS[name] === hardware);
}

/** Figures of a GPU and of the host that has eight of them; rates in GB/s. */
interface Gpu {
  gibibytes: number;
  gigabytesPerSecond: number;
  /** Dense bf16. */
  teraflops: number;
  teraflopsF32: number;
  efficiency: number;
  hostGibibytes: number;
  link: number;
  network: number;
  origin: string;
}

function gpu(name: string, figures: Gpu): HardwarePreset {
  const { gibibytes, gigabytesPerSecond, teraflops, teraflopsF32, efficiency, hostGibibytes, link, network, origin } =
    figures;
  return {
    name,
    kind: "cuda",
    devices_per_host: 8,
    device_bytes: gibibytes * GiB,
    host_bytes: hostGibibytes * GiB,
    peak_flops: teraflopsF32 * TERA,
    peak_flops_bf16: teraflops * TERA,
    efficiency,
    efficiency_bf16: efficiency,
    memory_bytes_per_second: gigabytesPerSecond * GIGA,
    link_bytes_per_second: link * GIGA,
    network_bytes_per_second: network * GIGA,
    origin,
  };
}

/** What a driver tells of its GPUs. */
export interface GpuFacts {
  /** As NVIDIA calls it: "NVIDIA H100 80GB HBM3". */
  name: string;
  /** Of one. */
  memoryBytes: number;
  count: number;
  /** Memory of the host. */
  hostBytes: number;
}

/** Part of a GPU's name → the preset whose rates it has. */
const GPU_NAMES: readonly [RegExp, HardwareName][] = [
  [/\bB200\b/, "b200"],
  [/\bH200\b/, "h200"],
  [/\bH100\b/, "h100"],
  [/\bA100\b/, "a100"],
  [/\bL40S\b/, "l40s"],
];

/** The GPU of this machine, with the memory that it really has. Rates are those of the preset for its name, else of an L40S. */
export function gpuHardware({ name, memoryBytes, count, hostBytes }: GpuFacts): HardwarePreset {
  const known = GPU_NAMES.find(([pattern]) => pattern.test(name))?.[1];
  const preset = PRESETS[known === "a100" && memoryBytes < 60 * GiB ? "a100_40g" : (known ?? "l40s")];
  return {
    ...preset,
    name,
    devices_per_host: count,
    device_bytes: memoryBytes,
    host_bytes: hostBytes,
    origin: known
      ? `this machine's GPU; ${preset.origin}`
      : `this machine's GPU; its rates are taken to be those of an ${preset.name}`,
  };
}

/** FLOPs of a cycle and core: two fused multiply-adds over the vector's width; vdpbf16ps does two products for each word. */
const FLOPS_PER_CYCLE = {
  avx512bf16: { f32: 64, bf16: 128 },
  avx512: { f32: 64, bf16: 64 },
  avx2: { f32: 32, bf16: 32 },
  portable: { f32: 16, bf16: 16 },
};

/**
 * Share of the peak that products and attention reach on a CPU while their operands are at hand: docs/benchmarks/cpu.md has 92 to 96%
 * for the products of the 15M model in fp32, and attention below. What operands cost on their way is counted apart (movingSeconds in
 * time.ts); with it whole steps come to 84 to 86% of the peak in fp32 and 70 to 78% in bf16, and to less the smaller a model is.
 */
const CPU_EFFICIENCY = { f32: 0.92, bf16: 0.75 };

/** Bytes per second that a processor reads and writes: a plain copy by one thread, 20 to 26 GB/s in docs/benchmarks/cpu.md. */
const CPU_MEMORY = 20 * GIGA;

/** Bytes per second that keys and values are copied at from one rank's memory to another's: each is read and written. */
const MEMORY_COPY = CPU_MEMORY / 2;

/** A figure for each type that products are computed in. */
export interface PerDtype<T> {
  f32: T;
  bf16: T;
}

export interface CpuFacts {
  /** Physical cores, or the threads that will be used. */
  cores: number;
  /** Instruction set of the CPU backend. */
  isa: keyof typeof FLOPS_PER_CYCLE;
  /** Vectors of 512 bits go through units of 256, at half the rate (AMD Zen 4). Default: false. */
  halved?: boolean;
  /** Clock under vector load. Default 3. */
  gigahertz?: number;
  memoryBytes: number;
  /** What `ctx doctor --calibrate` found on this machine; counts more than the figures above. */
  measured?: CpuMeasured;
}

export interface CpuMeasured {
  /** FLOP/s of all cores together. */
  peak: PerDtype<number>;
  /** Share of the peak that measured runs reached; a type without a run keeps the usual one. */
  efficiency: Partial<PerDtype<number>>;
}

/** This machine's processor as hardware: one device that shares its memory with the host. */
export function cpuHardware({ cores, isa, halved, gigahertz = 3, memoryBytes, measured }: CpuFacts): HardwarePreset {
  const width = halved && isa.startsWith("avx512") ? 0.5 : 1;
  const perCycle = { f32: width * FLOPS_PER_CYCLE[isa].f32, bf16: width * FLOPS_PER_CYCLE[isa].bf16 };
  const guess = (flops: number) => cores * flops * gigahertz * GIGA;
  const peak = measured?.peak ?? { f32: guess(perCycle.f32), bf16: guess(perCycle.bf16) };
  const operations =
    perCycle.f32 === perCycle.bf16
      ? `${perCycle.f32} operations`
      : `${perCycle.f32} operations (bf16: ${perCycle.bf16})`;
  const gigaflops = (flops: number) => Math.round(flops / GIGA);
  return {
    name: `CPU of ${cores === 1 ? "1 core" : `${cores} cores`} (${isa})`,
    kind: "cpu",
    devices_per_host: 1,
    device_bytes: memoryBytes,
    host_bytes: memoryBytes,
    peak_flops: peak.f32,
    peak_flops_bf16: peak.bf16,
    efficiency: measured?.efficiency.f32 ?? CPU_EFFICIENCY.f32,
    efficiency_bf16: measured?.efficiency.bf16 ?? CPU_EFFICIENCY.bf16,
    memory_bytes_per_second: CPU_MEMORY,
    link_bytes_per_second: MEMORY_COPY,
    network_bytes_per_second: MEMORY_COPY,
    origin: measured
      ? `measured: ${gigaflops(peak.f32)} GFLOP/s in fp32, ${gigaflops(peak.bf16)} in bf16`
      : `${cores} cores × ${operations} a cycle × ${gigahertz} GHz`,
  };
}

import type { Block, Bytes, Call, Count, Num, Ratio, Settings, Text } from "./values.ts";

/**
 * How a step is divided over devices.
 *
 * @example parallel { devices = 512  ring = 64  layout = zigzag }
 */
export interface Parallel extends Block {
  /**
   * Devices in all; `ring` divides it.
   *
   * @default auto
   * @min 1
   * @max 100000
   * @choice auto: all GPUs that `hardware` has; on a CPU one ring
   */
  devices?: Count | "auto";
  /**
   * Devices that share one row. Each holds a part of the sequence; keys and values go around.
   *
   * @default auto
   * @min 1
   * @max 1024
   * @choice auto: the smallest ring that fits
   * @paper Liu et al. 2023, Ring attention, arXiv 2310.01889
   */
  ring?: Count | "auto";
  /**
   * Which part of the sequence a device holds.
   *
   * @default zigzag
   * @choice zigzag: one block from the front and its mirror from the back, so that all have equal work
   * @choice contiguous: one block; the last device works most
   */
  layout?: "zigzag" | "contiguous";
  /**
   * What devices divide among them of weights, gradients and moments. On a CPU these are the processes of `--nproc` or mpirun.
   *
   * @default moments
   * @choice moments: each device holds all weights and gradients, and its share of the optimizer's moments (ZeRO-1)
   * @choice all: each holds its share of everything, and layers travel to where they are computed (ZeRO-3, FSDP)
   * @paper Rajbhandari et al. 2020, ZeRO, arXiv 1910.02054
   */
  shard?: "moments" | "all";
  /**
   * Rows that one ring computes at once.
   *
   * @default auto
   * @min 1
   * @max 1000000
   * @choice auto: as many as fit
   */
  micro_batch?: Count | "auto";
}

/**
 * What is kept and what is computed again.
 *
 * @example memory { checkpoint = every(1)  loss_chunk = 1_024 }
 * @example memory { checkpoint = every(2)  mlp_tile = 512  offload = disk }
 * @example memory { checkpoint = every(1)  offload = host  moments = host }
 */
export interface Memory extends Block {
  /**
   * Activations between forward and backward pass.
   *
   * @default auto
   * @choice auto: what takes the least time of all that fits
   * @choice none: all are kept
   * @paper Chen et al. 2016, arXiv 1604.06174
   */
  checkpoint?: "auto" | "none" | Call<"checkpoint">;
  /**
   * Rows of logits formed at once, at most those that a rank holds.
   *
   * @default auto
   * @min 1
   * @max 2147483647
   * @choice auto: about 64 MiB of them
   */
  loss_chunk?: Count | "auto";
  /**
   * Rows that the MLP computes at once, at most those that a rank holds. Its widest values exist for these rows only.
   *
   * @default auto
   * @min 1
   * @max 2147483647
   * @choice auto: as many as are of use and fit
   * @choice none: all rows at once
   * @paper Bekman et al. 2025, Arctic long sequence training, arXiv 2506.13996
   */
  mlp_tile?: Count | "auto" | "none";
  /**
   * Groups of key-value heads, with the queries that read them, whose attention is computed one after the other; a divisor of the model's
   * `kv_heads`. The gradients of queries, keys and values, and what a ring keeps and sends on, exist for one group at a time.
   *
   * @default auto
   * @min 1
   * @max 65536
   * @choice auto: as few as fit
   * @example memory { head_groups = 8 }
   */
  head_groups?: Count | "auto";
  /**
   * Where the layer inputs that `checkpoint = every(…)` keeps wait for the backward pass, all but the last two.
   *
   * @default auto
   * @choice auto: in the device's memory, elsewhere if that is the fastest choice that fits
   * @choice none: in the device's memory
   * @choice disk: on a CPU; a file without a name in the run's folder, gone when the run ends, however it ends
   * @choice host: on GPUs; the host's memory
   */
  offload?: "auto" | "none" | "disk" | "host";
  /**
   * Where the optimizer's two moments lie: eight bytes for each number that learns, which nothing needs between one step and the next.
   *
   * @default auto
   * @choice auto: in the device's memory, of GPUs in the host's if that is the fastest choice that fits
   * @choice device: in the device's memory
   * @choice host: on GPUs; in the host's memory, from which they pass the device at each step, so that nothing changes but the time
   * @example memory { moments = host }
   * @paper Ren et al. 2021, ZeRO-Offload, arXiv 2101.06840
   */
  moments?: "auto" | "device" | "host";
  /**
   * In what a GPU that trains in bf16 holds the matrices that learn. Products round them to bf16 either way, so nothing changes but the memory and the time.
   *
   * @default auto
   * @choice auto: in fp32, in bf16 if that is the fastest choice that fits
   * @choice f32: in fp32, which learns and which every product rounds
   * @choice bf16: rounded; the fp32 masters, which learn, lie with the moments, shared by all devices or in the host's memory as these are. Beside moments on one or two GPUs that takes more memory, not less
   * @example memory { moments = host  weights = bf16 }
   * @paper Micikevicius et al. 2018, Mixed precision training, arXiv 1710.03740
   */
  weights?: "auto" | "f32" | "bf16";
  /**
   * Where the gradients of the layers add up, over the rows of a step. Their norm, which `clip` asks for before anything is updated, needs them all at once.
   *
   * @default auto
   * @choice auto: in the device's memory, of one GPU that trains all weights in the host's if that is the fastest choice that fits
   * @choice device: in the device's memory
   * @choice host: of one GPU that trains all weights; in the host's memory, where a layer's goes while the next one is computed; two layers' stay
   * @example memory { moments = host  gradients = host }
   */
  gradients?: "auto" | "device" | "host";
}

/**
 * The input of every n-th layer is kept, the rest computed again, but for the last segment, whose activations are still there. Of an MLP its
 * gate and up are computed again in every layer: as many layers as the model has still cost that, and save as much memory.
 *
 * @example checkpoint = every(2)
 */
export interface Every extends Settings<"checkpoint"> {
  /** 1 keeps every layer's input. @min 1 */
  layers: Count;
}

/**
 * The machine that the plan is for. Memory, time and the search for a fitting plan go by it.
 *
 * @example hardware { preset = h100  devices = 512 }
 * @example hardware { kind = cpu  memory = 16GiB }
 */
export interface Hardware extends Block {
  /**
   * Figures of a known device; what is written beside it counts more.
   *
   * @default this
   * @choice this: the machine that compiles; `ctx doctor --calibrate` measures it; with `kind = cuda` its GPU, whose memory then counts
   * @choice cpu: any machine without a GPU
   * @choice l40s: NVIDIA L40S
   * @choice a100_40g: NVIDIA A100, 40 GB
   * @choice a100_80g: NVIDIA A100, 80 GB
   * @choice h100: NVIDIA H100 SXM
   * @choice h200: NVIDIA H200 SXM
   * @choice b200: NVIDIA B200 SXM
   */
  preset?: "this" | "cpu" | "l40s" | "a100_40g" | "a100_80g" | "h100" | "h200" | "b200";
  /** For people. @default (that of the preset) */
  name?: Text;
  /** What computes. @default (that of the preset) */
  kind?: "cpu" | "cuda";
  /** Devices in all. @default 1 @min 1 @max 100000 */
  devices?: Count;
  /** GPUs in one host: they share its memory. @default (8, or all if fewer) @min 1 @max 100000 */
  devices_per_host?: Count;
  /** Memory of one device. @default (that of the preset) @above 0 @max 1000000000000000 */
  memory?: Bytes;
  /** Memory of one host. @default (that of the preset, whose host has eight GPUs; of fewer their part) @above 0 @max 1000000000000000 */
  host_memory?: Bytes;
  /** Dense floating-point operations per second of one device, in the type that stages train in; of a GPU in bf16, of which f32 is the part that the preset's data sheet has. @default (that of the preset) @min 1000000 @max 1000000000000000000 */
  peak?: Num;
  /** Share of the peak that training reaches. @default (that of the preset) @min 0.001 @max 1 */
  efficiency?: Ratio;
  /** Bytes that a device reads and writes in a second in its own memory. @default (that of the preset) @min 1000 @max 1000000000000000 @example bandwidth = 3.35TB */
  bandwidth?: Bytes;
  /** Bytes that a device can send in a second to the next of its ring in the same host. @default (that of the preset) @min 1000 @max 1000000000000000 @example link = 450GB */
  link?: Bytes;
  /** The same to a device in another host. @default (that of the preset) @min 1000 @max 1000000000000000 @example network = 50GB */
  network?: Bytes;
}

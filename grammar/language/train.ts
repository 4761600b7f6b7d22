import type { Block, Call, Count, Flag, List, Num, Ratio, Settings, Tokens } from "./values.ts";

/**
 * How the weights learn. The loss is the mean cross-entropy of the targets.
 *
 * @example train { method = full  optimizer = adamw(lr: 2e-5, betas: [0.9, 0.95]) }
 * @example train { method = lora(rank: 8, also: [embed_tokens, norm])  optimizer = adamw(lr: 2e-4) }
 */
export interface Train extends Block {
  /** Which parameters learn. @default full */
  method?: Call<"training">;
  /** The rule of a step. @default adamw(lr: 2e-5) */
  optimizer?: Call<"optimizer">;
  /**
   * Operands of the matrix products, and with them what is saved for the backward pass and matrices that nobody trains:
   * bf16 halves that memory. Sums, what learns, its gradients and the optimizer are f32 either way. A CPU without
   * bf16 instructions is not faster with it. Evaluations compute in bf16 on GPUs, and in f32 on a CPU.
   *
   * @default auto
   * @choice auto: bf16 on GPUs, f32 on a CPU
   * @choice f32: exact products, for which a GPU has no fast kernels
   * @choice bf16: products of rounded operands
   */
  dtype?: "auto" | "f32" | "bf16";
  /**
   * A run repeated on the same hardware gives the same bits. `false` lets the gradients of queries add up in any order, where a kernel is
   * faster so: attention's backward pass on a Hopper GPU, in bf16, for heads of 64 or 128. They are as exact either way.
   *
   * @default true
   */
  deterministic?: Flag;
  /** Learning rate over the steps of a stage. @default constant */
  schedule?: Call<"schedule">;
  /**
   * The optimizer's moments at the beginning of a stage.
   *
   * @default carry
   * @choice carry: go on from the stage before
   * @choice reset: start from zero
   */
  optimizer_state?: "carry" | "reset";
  /** Position ids of a row. @default plain */
  positions?: Call<"positions">;
  /**
   * Largest norm of the gradient; a longer one is scaled down to it.
   *
   * @default 1
   * @above 0
   * @choice none: gradients are taken as they are
   */
  clip?: Num | "none";
}

/** Every parameter learns. @example method = full */
export interface Full extends Settings<"training"> {}

/**
 * Low-rank updates beside frozen weights.
 *
 * @paper Hu et al. 2021, arXiv 2106.09685
 * @paper Chen et al. 2023, LongLoRA, arXiv 2309.12307: embeddings and norms must learn too when the context grows much
 * @example lora(rank: 8, also: [embed_tokens, norm])
 */
export interface Lora extends Settings<"training"> {
  /** Rank of the update, at most the smaller side of the largest matrix that gets one. @default 8 @min 1 */
  rank?: Count;
  /** The update is scaled by alpha / rank. @default (2 × rank) @above 0 */
  alpha?: Num;
  /** Matrices that get an update. @default [q_proj, k_proj, v_proj, o_proj] */
  targets?: List<"q_proj" | "k_proj" | "v_proj" | "o_proj" | "gate_proj" | "up_proj" | "down_proj">;
  /** Parameters that learn in full besides. @default [] */
  also?: List<"embed_tokens" | "norm" | "lm_head">;
  /**
   * Learning rate of the second factor over that of the first.
   *
   * @default 1
   * @above 0
   * @paper Hayou et al. 2024, LoRA+, arXiv 2402.12354
   */
  plus_ratio?: Num;
}

/**
 * Adam with decoupled weight decay.
 *
 * @paper Loshchilov and Hutter 2017, arXiv 1711.05101
 * @example adamw(lr: 2e-5, betas: [0.9, 0.95])
 */
export interface Adamw extends Settings<"optimizer"> {
  /** Learning rate after the warm-up. @default 2e-5 @above 0 */
  lr?: Num;
  /** Decay of the two moments, each below 1. @default [0.9, 0.95] @min 0 */
  betas?: List<Num>;
  /** Added to the root of the second moment. @default 1e-8 @above 0 */
  eps?: Num;
  /** Share of a matrix that decays each step, times the learning rate; norms do not decay. @default 0 @min 0 */
  weight_decay?: Num;
}

/** The learning rate stays. @example constant(warmup: 10) */
export interface Constant extends Settings<"schedule"> {
  /** Steps, or share below 100% of the stage's steps, over which it rises from 0. @default 0 @min 0 */
  warmup?: Count | Ratio;
}

/** The learning rate falls on a straight line. @name linear @example linear(warmup: 3, final: 10%) */
export interface LinearSchedule extends Falling, Settings<"schedule"> {}

/**
 * The learning rate falls along half a cosine.
 *
 * @paper Loshchilov and Hutter 2016, arXiv 1608.03983
 * @example cosine(warmup: 10%, final: 10%)
 */
export interface Cosine extends Falling, Settings<"schedule"> {}

interface Falling {
  /** Steps, or share below 100% of the stage's steps, over which it rises from 0. @default 0 @min 0 */
  warmup?: Count | Ratio;
  /** What the learning rate falls to, as a share of the highest: reached just after the last step. @default 10% @min 0 @max 1 */
  final?: Ratio;
}

/** Positions 0, 1, 2, …  @example positions = plain */
export interface Plain extends Settings<"positions"> {}

/**
 * Positional skip-wise training: a short row is cut into chunks whose positions skip ahead, so that it sees distances up to
 * the stage's `context`.
 *
 * @paper Zhu et al. 2023, arXiv 2309.10400
 * @example stage skip { length = 256  context = 4Ki  steps = 40  batch = 16  train { positions = pose(chunks: 2) } }
 */
export interface Pose extends Settings<"positions"> {
  /** Chunks in a row. @default 2 @min 2 */
  chunks?: Count;
  /** Largest position + 1; where the stage sets its `context` too, the two agree. @default (the stage's context) @min 2 @max 2147483647 */
  context?: Tokens;
}

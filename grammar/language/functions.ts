/** Functions of numbers and the names that expressions see. */
import type { Count, Gives, Members, Num, Tokens } from "./values.ts";

/** The smallest of its arguments. @variadic @example min(length, 32Ki) */
export interface Min extends Gives<"math", Num> {
  /** Numbers of one kind. */
  values: Num;
}

/** The largest of its arguments. @variadic @example max(1, scale) */
export interface Max extends Gives<"math", Num> {
  /** Numbers of one kind. */
  values: Num;
}

/** The next whole number down. @example floor(2.7) */
export interface Floor extends Gives<"math", Num> {
  x: Num;
}

/** The next whole number up. @example ceil(2.1) */
export interface Ceil extends Gives<"math", Num> {
  x: Num;
}

/** The nearest whole number; halves go away from zero. @example round(2.5) */
export interface Round extends Gives<"math", Num> {
  x: Num;
}

/** Square root. @example sqrt(scale) */
export interface Sqrt extends Gives<"math", Num> {
  /** Not negative. @min 0 */
  x: Num;
}

/** Natural logarithm. @example ln(scale) */
export interface Ln extends Gives<"math", Num> {
  /** Above 0. @above 0 */
  x: Num;
}

/** Logarithm to base 2. @example log2(length) */
export interface Log2 extends Gives<"math", Num> {
  /** Above 0. @above 0 */
  x: Num;
}

/** Logarithm to base 10. @example log10(scale) */
export interface Log10 extends Gives<"math", Num> {
  /** Above 0. @above 0 */
  x: Num;
}

/** e to the power of its argument. @example exp(1) */
export interface Exp extends Gives<"math", Num> {
  x: Num;
}

/** The names that expressions see. */
export interface Variables {
  /** π. @scope always */
  pi: Num;
  /** The base model. @scope always */
  model: Members<ModelMembers>;
  /**
   * Tokens in a row of this stage. In `rope`, whose formulas are about positions, the context that they reach: the same unless the stage sets
   * `context`, or positions skip.
   *
   * @scope stage
   */
  length: Tokens;
  /**
   * Largest position + 1 that this stage makes the model for: its length, unless the stage sets `context` or positions skip.
   *
   * @scope stage
   */
  context: Tokens;
  /** How much longer than the base model: context / model.context. In a `rope` that says `original`, context / original. @scope stage */
  scale: Num;
  /** Rotated dimensions of a head. @scope stage */
  d: Count;
  /** The stage before, or the base model; `rope.previous` can name another. @scope stage */
  previous: Members<PreviousMembers>;
  /** A stage by its name: `s64k.tokens`. @scope always */
  "<stage>": Members<StageMembers>;
  /** Index of a pair, 0 … d/2 - 1. @scope named */
  i: Count;
  /** Length of a document. @scope named */
  tokens: Tokens;
}

interface PreviousMembers {
  /** Its length, or the base model's trained length; in `rope` the context that its positions reach, or `model.original`. */
  length: Tokens;
  /** Its theta, or the base model's. */
  theta: Num;
}

interface StageMembers {
  /** Tokens in a row. */
  length: Tokens;
  /** Largest position + 1. */
  context: Tokens;
  /** Optimizer steps. */
  steps: Count;
  /** Rows of each optimizer step. */
  batch: Count;
  /** Tokens of the whole stage. */
  tokens: Tokens;
  /** Its `rope_theta`. */
  theta: Num;
}

interface ModelMembers {
  /** `rope_theta` of the base model. */
  theta: Num;
  /** Trained length. */
  context: Tokens;
  /** The length that `model.theta` was trained at: shorter than `model.context` where the base's RoPE is scaled already. */
  original: Tokens;
  /** Width of one head. */
  head_dim: Count;
  /** Decoder layers. */
  layers: Count;
  /** Width of the residual stream. */
  hidden: Count;
  /** Width inside SwiGLU. */
  intermediate: Count;
  /** Query heads. */
  heads: Count;
  /** Key and value heads. */
  kv_heads: Count;
  /** Size of the vocabulary. */
  vocab: Count;
  /** Parameters in all. */
  parameters: Count;
}

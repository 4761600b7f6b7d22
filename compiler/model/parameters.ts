import type { PlanModel } from "../plan.ts";

/** The sizes that decide a model's parameters and what it computes. What only some families have may be left out: none. */
export type ModelShape = Pick<
  PlanModel,
  | "vocab_size"
  | "hidden_size"
  | "intermediate_size"
  | "layers"
  | "heads"
  | "kv_heads"
  | "head_dim"
  | "tie_word_embeddings"
> &
  Partial<Pick<PlanModel, "qkv_bias" | "o_bias" | "mlp_bias" | "qk_norm" | "window">>;

/** Weights of one layer's seven linear maps: q, k, v, o, gate, up, down. */
export function linearParametersPerLayer(shape: ModelShape): number {
  const { hidden_size: hidden, heads, kv_heads: kvHeads, head_dim: headDim, intermediate_size: intermediate } = shape;
  return 2 * hidden * heads * headDim + 2 * hidden * kvHeads * headDim + 3 * hidden * intermediate;
}

/** Numbers in one layer's biases. */
export function biasesPerLayer(shape: ModelShape): number {
  const { hidden_size: hidden, heads, kv_heads: kvHeads, head_dim: headDim, intermediate_size: intermediate } = shape;
  const qkv = shape.qkv_bias ? (heads + 2 * kvHeads) * headDim : 0;
  return qkv + (shape.o_bias ? hidden : 0) + (shape.mlp_bias ? 2 * intermediate + hidden : 0);
}

/** Parameters in all: embeddings (twice unless tied), linear maps, norms (two a layer, two of heads, the last one). */
export function countParameters(shape: ModelShape): number {
  const embeddings = shape.vocab_size * shape.hidden_size * (shape.tie_word_embeddings ? 1 : 2);
  const norms = 2 * shape.hidden_size + (shape.qk_norm ? 2 * shape.head_dim : 0);
  const layer = linearParametersPerLayer(shape) + biasesPerLayer(shape) + norms;
  return embeddings + shape.layers * layer + shape.hidden_size;
}

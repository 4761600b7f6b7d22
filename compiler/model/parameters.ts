import type { PlanModel } from "../plan.ts";

/** The sizes that decide a Llama-family model's parameters. */
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
>;

/** Weights of one layer's seven linear maps: q, k, v, o, gate, up, down. */
export function linearParametersPerLayer(shape: ModelShape): number {
  const { hidden_size: hidden, heads, kv_heads: kvHeads, head_dim: headDim, intermediate_size: intermediate } = shape;
  return 2 * hidden * heads * headDim + 2 * hidden * kvHeads * headDim + 3 * hidden * intermediate;
}

/** Parameters in all: embeddings (twice unless tied), linear maps, two norms a layer and the last one. */
export function countParameters(shape: ModelShape): number {
  const embeddings = shape.vocab_size * shape.hidden_size * (shape.tie_word_embeddings ? 1 : 2);
  const layer = linearParametersPerLayer(shape) + 2 * shape.hidden_size;
  return embeddings + shape.layers * layer + shape.hidden_size;
}

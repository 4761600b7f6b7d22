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
  Partial<Pick<PlanModel, "qkv_bias" | "o_bias" | "mlp_bias" | "qk_norm" | "window" | "latent" | "experts">>;

/** Dimensions of a head: of its scores (queries times keys), and of its values. */
export function headDims({ head_dim, latent }: ModelShape): { scores: number; values: number } {
  return latent
    ? { scores: latent.unrotated + head_dim, values: latent.value_dim }
    : { scores: head_dim, values: head_dim };
}

/** Numbers that a token leaves in each layer for those after it: keys and values, or the latent and the shared key they are made of. */
export function keyValueNumbers({ kv_heads, head_dim, latent }: ModelShape): number {
  return latent ? latent.key_value_rank + head_dim : 2 * kv_heads * head_dim;
}

/** Weights of the linear maps around one layer's attention: q, k, v, o, or those down to latents and up again. */
function attentionParameters(shape: ModelShape): number {
  const { hidden_size: hidden, heads, kv_heads: kvHeads, head_dim: headDim, latent } = shape;
  if (!latent) return 2 * hidden * heads * headDim + 2 * hidden * kvHeads * headDim;
  const { query_rank: rank, key_value_rank: keyValueRank, unrotated } = latent;
  const { scores, values } = headDims(shape);
  const queries = rank === null ? hidden * heads * scores : rank * (hidden + heads * scores);
  const keysAndValues = hidden * (keyValueRank + headDim) + keyValueRank * heads * (unrotated + values);
  return queries + keysAndValues + heads * values * hidden;
}

/**
 * Weights of all layers' linear maps.
 *
 * @param active true: of experts only those that one token goes to
 */
export function linearParameters(shape: ModelShape, active = false): number {
  const { hidden_size: hidden, layers, intermediate_size: intermediate, experts } = shape;
  const attention = layers * attentionParameters(shape);
  const mlp = 3 * hidden * intermediate;
  if (!experts) return attention + layers * mlp;
  const met = (active ? experts.active : experts.routed) + experts.shared;
  const router = hidden * experts.routed;
  const sparse = router + met * 3 * hidden * experts.intermediate_size;
  return attention + experts.dense_layers * mlp + (layers - experts.dense_layers) * sparse;
}

/** Numbers in one layer's biases. */
export function biasesPerLayer(shape: ModelShape): number {
  const { hidden_size: hidden, heads, kv_heads: kvHeads, head_dim: headDim, intermediate_size: intermediate } = shape;
  const qkv = shape.qkv_bias ? (heads + 2 * kvHeads) * headDim : 0;
  return qkv + (shape.o_bias ? hidden : 0) + (shape.mlp_bias ? 2 * intermediate + hidden : 0);
}

/** Norms of latents, and the bias by which each router keeps its experts evenly busy. */
function smallParameters({ layers, latent, experts }: ModelShape): number {
  const norms = latent ? (latent.query_rank ?? 0) + latent.key_value_rank : 0;
  return layers * norms + (experts ? (layers - experts.dense_layers) * experts.routed : 0);
}

/** Parameters in all: embeddings (twice unless tied), linear maps, norms (two a layer, two of heads, the last one). */
export function countParameters(shape: ModelShape): number {
  const embeddings = shape.vocab_size * shape.hidden_size * (shape.tie_word_embeddings ? 1 : 2);
  const norms = 2 * shape.hidden_size + (shape.qk_norm ? 2 * shape.head_dim : 0);
  const perLayer = shape.layers * (biasesPerLayer(shape) + norms);
  return embeddings + linearParameters(shape) + perLayer + smallParameters(shape) + shape.hidden_size;
}

/** Parameters that one token is multiplied with: without the experts it does not go to, and without the input embedding it is looked up in. */
export function countActiveParameters(shape: ModelShape): number {
  const lookedUp = shape.tie_word_embeddings ? 0 : shape.vocab_size * shape.hidden_size;
  return countParameters(shape) - linearParameters(shape) + linearParameters(shape, true) - lookedUp;
}

import { linearParametersPerLayer, type ModelShape } from "../model/index.ts";
import type { PlanFlops, PlanLora } from "../plan.ts";

/** FLOPs of one forward pass over some rows. A multiply and an add count as two. */
export interface ForwardFlops {
  /** The seven linear maps of every layer. */
  layers: number;
  /** Output embedding (logits). */
  head: number;
  /** Scores and their product with the values. */
  attention: number;
}

/**
 * Query-key pairs a causal row computes: Σ l(l+1)/2 over its documents. With the documents unknown, one document that
 * fills the row is the upper bound, and what masking saves is not promised.
 *
 * @param documents lengths of the row's documents; absent: one of `length`
 * @param window keys that a query sees at most, itself included; absent: all
 */
export function causalPairs(
  length: number,
  documents: readonly number[] = [length],
  window = Number.POSITIVE_INFINITY,
): number {
  return documents.reduce((sum, tokens) => {
    const rising = Math.min(tokens, window);
    return sum + (rising * (rising + 1)) / 2 + (tokens - rising) * rising;
  }, 0);
}

/**
 * Forward FLOPs: 2 × weights × tokens for linear maps (embedding look-ups cost none), 4 × pairs × heads × head_dim for
 * each layer's attention, causal, in a layer with a sliding window only the pairs inside it. Biases and norms are left out.
 *
 * @param rows number of rows
 * @param length tokens of a row
 */
export function forwardFlops(shape: ModelShape, rows: number, length: number): ForwardFlops {
  const tokens = rows * length;
  const windowed = shape.window?.layers.filter(Boolean).length ?? 0;
  const pairs =
    (shape.layers - windowed) * causalPairs(length) +
    windowed * causalPairs(length, [length], shape.window?.tokens ?? Number.POSITIVE_INFINITY);
  return {
    layers: 2 * shape.layers * linearParametersPerLayer(shape) * tokens,
    head: 2 * shape.vocab_size * shape.hidden_size * tokens,
    attention: 4 * rows * pairs * shape.heads * shape.head_dim,
  };
}

export interface StageWork {
  /** Optimizer steps. */
  steps: number;
  /** Rows of a step. */
  sequences: number;
  /** Tokens of a row. */
  length: number;
  /** 0 keeps all activations; otherwise every layer's forward runs once more in the backward pass. */
  checkpointEvery: number;
  /** null: all parameters are trained. */
  lora: Pick<PlanLora, "rank" | "targets"> | null;
}

/**
 * FLOPs of a training stage.
 *
 * linear: forward once and backward twice (gradients of inputs and of weights); a frozen base under LoRA has only the
 * gradients of inputs, its adapters all three. attention: forward 1, backward 2.5 (five products, one of them the scores
 * again, against two). recompute: the layers' forward once more under activation checkpointing; the head is never repeated.
 */
export function stageFlops(shape: ModelShape, work: StageWork): PlanFlops {
  const rows = work.steps * work.sequences;
  const forward = forwardFlops(shape, rows, work.length);
  const adapters = work.lora ? 2 * adapterParameters(shape, work.lora) * rows * work.length : 0;
  const linear = (forward.layers + forward.head) * (work.lora ? 2 : 3) + adapters * 3;
  const attention = 3.5 * forward.attention;
  const recompute = work.checkpointEvery > 0 ? forward.layers + adapters + forward.attention : 0;
  return { linear, attention, recompute, total: linear + attention + recompute };
}

/** Weights of LoRA's A (rank × in) and B (out × rank) on the target maps of all layers. */
export function adapterParameters(shape: ModelShape, lora: Pick<PlanLora, "rank" | "targets">): number {
  const query = shape.heads * shape.head_dim;
  const keyValue = shape.kv_heads * shape.head_dim;
  const { hidden_size: hidden, intermediate_size: intermediate } = shape;
  const maps: { [name: string]: number } = {
    q_proj: hidden + query,
    k_proj: hidden + keyValue,
    v_proj: hidden + keyValue,
    o_proj: query + hidden,
    gate_proj: hidden + intermediate,
    up_proj: hidden + intermediate,
    down_proj: intermediate + hidden,
  };
  const sides = lora.targets.reduce((sum, target) => sum + (maps[target] ?? 0), 0);
  return lora.rank * sides * shape.layers;
}

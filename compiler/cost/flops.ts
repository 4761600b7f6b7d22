import { headDims, linearParameters, type ModelShape } from "../model/index.ts";
import type { PlanAttended, PlanFlops, PlanLora } from "../plan.ts";

/** FLOPs of one forward pass over some rows. A multiply and an add count as two. */
export interface ForwardFlops {
  /** The linear maps of every layer; of experts those that a token goes to. */
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
 * Forward FLOPs: 2 × weights × tokens for linear maps (embedding look-ups cost none), 2 × pairs × heads × (dimensions of
 * scores + of values) for each layer's attention, causal, in a layer with a sliding window only the pairs inside it. Biases and norms are left out.
 *
 * @param rows number of rows
 * @param length tokens of a row
 * @param attended pairs of a row; absent: of one document
 */
export function forwardFlops(shape: ModelShape, rows: number, length: number, attended?: PlanAttended): ForwardFlops {
  const tokens = rows * length;
  return {
    layers: 2 * linearParameters(shape, true) * tokens,
    head: 2 * shape.vocab_size * shape.hidden_size * tokens,
    attention: attentionFlops(shape, { rows, length, attended }, 0, shape.layers),
  };
}

interface Rows {
  readonly rows: number;
  readonly length: number;
  readonly attended: PlanAttended | undefined;
}

/** Forward FLOPs of attention in layers [from, to). */
function attentionFlops(shape: ModelShape, { rows, length, attended }: Rows, from: number, to: number): number {
  const windowed = shape.window?.layers.slice(from, to).filter(Boolean).length ?? 0;
  const seen = attended ?? {
    full: causalPairs(length),
    windowed: causalPairs(length, [length], shape.window?.tokens),
  };
  const pairs = (to - from - windowed) * seen.full + windowed * seen.windowed;
  return rows * pairs * pairFlops(shape);
}

/** Forward FLOPs of a query with a key, in all heads of a layer: the score, and the value times its weight. */
export function pairFlops(shape: ModelShape): number {
  const { scores, values } = headDims(shape);
  return 2 * shape.heads * (scores + values);
}

/**
 * FLOPs of attention's backward pass for those of the forward pass: five products against two, three of them (scores again, and
 * the gradients of queries and of keys) over the dimensions of scores.
 */
function backwardShare(shape: ModelShape): number {
  const { scores, values } = headDims(shape);
  return (3 * scores + 2 * values) / (scores + values);
}

export interface StageWork {
  /** Optimizer steps. */
  steps: number;
  /** Rows of a step. */
  sequences: number;
  /** Tokens of a row. */
  length: number;
  /** 0 keeps all activations; n keeps every n-th layer's input, and the backward pass computes the rest again. */
  checkpointEvery: number;
  /** Pairs that attention computes of a row; absent: of one document. */
  attended?: PlanAttended | undefined;
  /** null: all parameters are trained. */
  lora: (Pick<PlanLora, "rank" | "targets"> & { also?: readonly string[] }) | null;
}

/** Linear maps that read the same input: FLOPs of one token in one layer. */
interface MapGroup {
  /** x Wᵀ. */
  base: number;
  /** x Aᵀ of all adapters, and the product with B. */
  down: number;
  up: number;
}

/**
 * FLOPs of a training stage, as the engine computes them (native/model/backward.cc).
 *
 * linear: forward once and backward twice (gradients of inputs and of weights); what is frozen under LoRA has only the
 * gradients of inputs. attention: forward 1, backward 2.5 (see `backwardShare`).
 *
 * recompute: x Aᵀ of every adapter, for the gradient of B. With checkpoints also gate and up of every layer, which are not
 * kept; and, of the layers before the last segment of n, whose activations are still there, the rest of the forward pass:
 * q, k, v, attention, o; and gate, up, down where a layer of the same segment follows. The head is never repeated.
 */
export function stageFlops(shape: ModelShape, work: StageWork): PlanFlops {
  const rows = work.steps * work.sequences;
  const tokens = rows * work.length;
  const { layers, head, attention: forwardAttention } = forwardFlops(shape, rows, work.length, work.attended);
  const attention = (1 + backwardShare(shape)) * forwardAttention;
  if (shape.latent || shape.experts) return modelFlops(3 * (layers + head), attention);
  const [qkv, o, gateUp, down] = mapGroups(shape, work.lora);
  const groups = [qkv, o, gateUp, down];
  const baseTimes = work.lora ? 2 : 3;
  const layer = groups.reduce((sum, { base, down, up }) => sum + baseTimes * base + 3 * (down + up), 0);
  const linear = shape.layers * layer * tokens + (trainsHead(shape, work.lora) ? 3 : 2) * head;

  const adapters = groups.reduce((sum, { down }) => sum + down, 0);
  const forward = ({ base, down, up }: MapGroup) => base + down + up;
  const every = work.checkpointEvery;
  const rebuilt = rebuiltLayers(shape.layers, every);
  const followed = every === 0 ? 0 : rebuilt - rebuilt / every;
  const again =
    rebuilt * (forward(qkv) + forward(o)) +
    (every === 0 ? 0 : shape.layers * forward(gateUp)) +
    followed * (forward(gateUp) + forward(down));
  const recompute =
    (shape.layers * adapters + again) * tokens +
    attentionFlops(shape, { rows, length: work.length, attended: work.attended }, 0, rebuilt);
  return { linear, attention, recompute, total: linear + attention + recompute };
}

/** Of a family without an engine nobody knows what its backward pass computes again: nothing is counted. */
function modelFlops(linear: number, attention: number): PlanFlops {
  return { linear, attention, recompute: 0, total: linear + attention };
}

/** Layers before the last segment: the backward pass computes their activations again. */
export function rebuiltLayers(layers: number, every: number): number {
  return every === 0 ? 0 : Math.floor((layers - 1) / every) * every;
}

/** q, k, v; o; gate, up; down. */
function mapGroups(shape: ModelShape, lora: StageWork["lora"]): [MapGroup, MapGroup, MapGroup, MapGroup] {
  const { hidden_size: hidden, intermediate_size: ffn, heads, kv_heads: kvHeads, head_dim: headDim } = shape;
  const group = (input: number, ...maps: (readonly [name: string, outputs: number])[]): MapGroup => {
    const sum = { base: 0, down: 0, up: 0 };
    for (const [name, outputs] of maps) {
      sum.base += 2 * input * outputs;
      if (!lora?.targets.includes(name)) continue;
      sum.down += 2 * input * lora.rank;
      sum.up += 2 * lora.rank * outputs;
    }
    return sum;
  };
  const [query, keyValue] = [heads * headDim, kvHeads * headDim];
  return [
    group(hidden, ["q_proj", query], ["k_proj", keyValue], ["v_proj", keyValue]),
    group(query, ["o_proj", hidden]),
    group(hidden, ["gate_proj", ffn], ["up_proj", ffn]),
    group(ffn, ["down_proj", hidden]),
  ];
}

/** Whether the output embedding learns: always but under LoRA, where it must be named, by its own name or that of its twin. */
function trainsHead(shape: ModelShape, lora: StageWork["lora"]): boolean {
  const name = shape.tie_word_embeddings ? "model.embed_tokens.weight" : "lm_head.weight";
  return !lora || (lora.also ?? []).some((pattern) => name.includes(pattern));
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

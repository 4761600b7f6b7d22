import type { PlanModel } from "../plan.ts";
import { ropeTable } from "../rope/index.ts";
import { type Family, innateFeatures } from "./family.ts";
import { countParameters } from "./parameters.ts";

/** `new = llama(…)` and its like: a model that starts from random weights. Sizes in elements, context in tokens. */
export interface NewModel {
  /** Default: llama. */
  family?: Family;
  vocab: number;
  layers: number;
  hidden: number;
  heads: number;
  /** Default: heads. */
  kv_heads?: number;
  /** Default: hidden / heads. */
  head_dim?: number;
  /** Default: 8/3 of hidden, rounded up to a multiple of 64, as SwiGLU keeps the classic 4 × hidden's parameters. */
  intermediate?: number;
  /** Length it will first be trained at. */
  context: number;
  /** Default: 10000. */
  theta?: number;
  /** Share the input and output embeddings. Default: false. */
  tie?: boolean;
  /** Default: 1e-5. */
  rms_norm_eps?: number;
  /** Standard deviation of new weights. Default: 0.02. */
  std?: number;
  /** Keys that a query sees at most, itself included, in every layer; null: all. Default: null. */
  window?: number | null;
  bos_token_id?: number | null;
  eos_token_id?: number | null;
}

/**
 * The plan's model for one that starts from nothing.
 *
 * @throws RangeError that names the argument, its value and what is allowed
 */
export function newModel(args: NewModel): PlanModel {
  for (const key of ["vocab", "layers", "hidden", "heads", "context"] as const) whole(key, args[key]);
  const kvHeads = whole("kv_heads", args.kv_heads ?? args.heads);
  if (args.heads % kvHeads !== 0) {
    throw new RangeError(`heads (${args.heads}) must be a multiple of kv_heads (${kvHeads})`);
  }
  if (args.head_dim === undefined && args.hidden % args.heads !== 0) {
    throw new RangeError(`hidden (${args.hidden}) must be a multiple of heads (${args.heads}), or head_dim given`);
  }
  const headDim = whole("head_dim", args.head_dim ?? args.hidden / args.heads);
  if (headDim % 2 !== 0) throw new RangeError(`head_dim must be even for RoPE, not ${headDim}`);
  const std = args.std ?? 0.02;
  if (!(std > 0 && std < 1)) throw new RangeError(`std must lie between 0 and 1, not ${std}`);
  const eps = args.rms_norm_eps ?? 1e-5;
  if (!(eps > 0 && eps < 1)) throw new RangeError(`rms_norm_eps must lie between 0 and 1, not ${eps}`);
  const family = args.family ?? "llama";
  const window = args.window === undefined || args.window === null ? null : whole("sliding_window", args.window);
  const shape = {
    vocab_size: args.vocab,
    hidden_size: args.hidden,
    intermediate_size: whole("intermediate", args.intermediate ?? defaultIntermediate(args.hidden)),
    layers: args.layers,
    heads: args.heads,
    kv_heads: kvHeads,
    head_dim: headDim,
    tie_word_embeddings: args.tie ?? false,
    ...innateFeatures(family),
    o_bias: false,
    mlp_bias: false,
    window: window === null ? null : { tokens: window, layers: new Array<boolean>(args.layers).fill(true) },
  };
  return {
    from: null,
    path: null,
    family,
    ...shape,
    rms_norm_eps: eps,
    initializer_range: std,
    bos_token_id: args.bos_token_id ?? null,
    eos_token_id: args.eos_token_id ?? null,
    context: args.context,
    parameters: countParameters(shape),
    rope: ropeTable({ method: "default", theta: args.theta ?? 10_000, d: headDim }),
    initialize: { std },
  };
}

/** 8/3 of hidden, rounded up to a multiple of 64. */
export function defaultIntermediate(hidden: number): number {
  return Math.ceil((8 * hidden) / 3 / 64) * 64;
}

function whole(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= 2 ** 31) return value;
  throw new RangeError(`${name} must be a whole number of 1 or more, not ${value}`);
}

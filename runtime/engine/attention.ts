import type { NativeAttentionOptions } from "./addon.ts";
import { documentStarts } from "./documents.ts";
import { loadAddon } from "./load.ts";

/** Shapes, mask and machine of a call of `attention`. */
export interface AttentionOptions {
  /** Query heads: q is [T, heads × headDim], row-major. */
  heads: number;
  /** Numbers in each head. */
  headDim: number;
  /** Key-value heads; query head h reads key-value head ⌊h × kvHeads / heads⌋. Default: `heads`. */
  kvHeads?: number;
  /** A token sees only itself and what came before it. Default: true. */
  causal?: boolean;
  /**
   * Packed documents: first token of each, or one document number per token. Tokens see only their own document. Needs
   * `causal`. Default: one document.
   */
  documents?: ArrayLike<number>;
  /** Factor of the scores. Default: 1 / √headDim. */
  scale?: number;
  /** Ring attention over this many ranks, each a thread of this process (zigzag blocks). Default: 1, one kernel. */
  ring?: number;
  /** Default: the cores that this process may use. Results don't depend on it. */
  threads?: number;
  /** Instruction set of the kernels (`avx512bf16`, `avx512`, `avx2`, `portable`). Default: the best that runs here. */
  isa?: string;
}

/** What `attention` gives. */
export interface AttentionResult {
  /** [T, heads × headDim] softmax(scale q kᵀ) v over the visible tokens. */
  o: Float32Array;
  /** [heads, T] log Σ exp of the scores, in nats. */
  lse: Float32Array;
  /** Gradients of Σ dO ⊙ o; dO is [T, heads × headDim]. The inputs must not have changed in the meantime. */
  backward(dO: Float32Array): Promise<AttentionGradients>;
}

/** Gradients in the shapes of q, k and v. */
export interface AttentionGradients {
  dq: Float32Array;
  dk: Float32Array;
  dv: Float32Array;
}

/**
 * Exact attention by the flash kernels, in fp32: memory grows with T, not T².
 *
 * @param q [T, heads × headDim]
 * @param k [T, kvHeads × headDim]
 * @param v [T, kvHeads × headDim]
 * @returns a promise that rejects with an Error naming the argument and the shapes when they don't go together
 * @example
 * const { o, backward } = await attention(q, k, v, { heads: 8, kvHeads: 2, headDim: 64, documents: [0, 300], ring: 4 });
 * const { dq, dk, dv } = await backward(dO);
 */
export async function attention(
  q: Float32Array,
  k: Float32Array,
  v: Float32Array,
  options: AttentionOptions,
): Promise<AttentionResult> {
  const addon = loadAddon();
  const { heads, headDim, kvHeads = heads, causal = true, ring = 1 } = options;
  for (const [name, value] of Object.entries({ heads, headDim, kvHeads, ring })) {
    if (!Number.isInteger(value) || value < 1)
      throw new RangeError(`attention: ${name} must be a whole number above 0, not ${value}`);
  }
  if (options.documents !== undefined && !causal) {
    throw new RangeError("attention: documents need causal attention; call it once for each document instead");
  }
  const native: NativeAttentionOptions = {
    heads,
    kvHeads,
    headDim,
    causal,
    ring,
    scale: options.scale ?? 1 / Math.sqrt(headDim),
    threads: options.threads ?? addon.describe().cores,
  };
  if (options.documents !== undefined)
    native.starts = documentStarts(options.documents, Math.floor(q.length / (heads * headDim)));
  if (options.isa !== undefined) native.isa = options.isa;
  const { o, lse } = await addon.attentionForward(q, k, v, native);
  return { o, lse, backward: async (dO) => addon.attentionBackward(dO, q, k, v, o, lse, native) };
}

import type { Block, Call, Count, Flag, Num, Settings, Text, Tokens } from "./values.ts";

/**
 * The model whose context grows: a checkpoint, or one that starts from nothing.
 *
 * @example model { from = "meta-llama/Meta-Llama-3-8B-Instruct" }
 * @example model { new = llama(layers: 6, hidden: 256, heads: 8, kv_heads: 4, context: 512)  tokenizer = bpe(vocab: 4096) }
 */
export interface Model extends Block {
  /**
   * A Hugging Face Hub name, or a folder with `config.json` and weights, relative to the recipe.
   *
   * @path folder
   * @group base
   * @example from = "models/tiny"
   */
  from?: Text;
  /**
   * An architecture with random weights.
   *
   * @group base
   * @example new = llama(layers: 6, hidden: 256, heads: 8, context: 512)
   */
  new?: Call<"architecture">;
  /**
   * A `tokenizer.json`, or one trained on the recipe's sources before the first stage.
   *
   * @path *.json
   * @default (the tokenizer in the model's folder)
   * @example tokenizer = bpe(vocab: 4096)
   */
  tokenizer?: Text | Call<"tokenizer">;
  /**
   * Keys that a query sees at most, itself included, in those layers of a checkpoint that have a sliding window.
   *
   * @default (as in config.json)
   * @min 1
   * @max 2147483647
   * @choice none: all of them
   * @example sliding_window = 64Ki
   */
  sliding_window?: Tokens | "none";
}

/** What the decoders below have in common. */
export interface Decoder {
  /** Decoder layers. @min 1 @max 10000 */
  layers: Count;
  /** Width of the residual stream. @min 2 @max 1000000 */
  hidden: Count;
  /** Query heads. @min 1 @max 100000 */
  heads: Count;
  /** Key and value heads; divides `heads`. @default (heads) @min 1 @max 100000 */
  kv_heads?: Count;
  /** Width of one head; even. @default (hidden / heads) @min 2 @max 100000 */
  head_dim?: Count;
  /** Width inside SwiGLU. @default (8/3 of hidden, rounded up to a multiple of 64) @min 1 @max 10000000 */
  intermediate?: Count;
  /** Trained length: what `model.context` is before the first stage. @min 1 @max 2147483647 */
  context: Tokens;
  /** `rope_theta`. @default 10_000 @above 1 */
  theta?: Num;
  /** Input and output embeddings are one matrix. @default false */
  tie?: Flag;
  /** Added to the mean square in RMSNorm. @default 1e-5 @above 0 */
  rms_norm_eps?: Num;
  /** Standard deviation of new weights. @default 0.02 @above 0 */
  std?: Num;
  /** Size of the vocabulary. @default (that of the tokenizer) @min 2 @max 10000000 */
  vocab?: Count;
}

/**
 * A Llama decoder: RMSNorm, rotary positions, grouped-query attention, SwiGLU.
 *
 * @paper Touvron et al. 2023, arXiv 2302.13971
 * @example llama(layers: 6, hidden: 256, heads: 8, kv_heads: 4, context: 512)
 */
export interface Llama extends Settings<"architecture">, Decoder {}

/**
 * A Mistral decoder: Llama with sliding-window attention where a window is given.
 *
 * @paper Jiang et al. 2023, arXiv 2310.06825
 * @example mistral(layers: 6, hidden: 256, heads: 8, kv_heads: 4, context: 512, sliding_window: 256)
 */
export interface Mistral extends Settings<"architecture">, Decoder {
  /** Keys that a query sees at most, itself included, in every layer. @default (all) @min 1 @max 2147483647 */
  sliding_window?: Tokens;
}

/**
 * A Qwen2 or Qwen2.5 decoder: Llama with biases of queries, keys and values.
 *
 * @paper Yang et al. 2024, arXiv 2407.10671
 * @example qwen2(layers: 6, hidden: 256, heads: 8, kv_heads: 4, context: 512, tie: true)
 */
export interface Qwen2 extends Settings<"architecture">, Decoder {}

/**
 * A Qwen3 decoder: Llama with an RMSNorm of every query and key head before RoPE.
 *
 * @paper Yang et al. 2025, arXiv 2505.09388
 * @example qwen3(layers: 6, hidden: 256, heads: 8, kv_heads: 4, head_dim: 64, context: 512)
 */
export interface Qwen3 extends Settings<"architecture">, Decoder {}

/**
 * Byte-level byte-pair encoding, trained on the recipe's sources.
 *
 * @paper Sennrich et al. 2016, arXiv 1508.07909
 * @example bpe(vocab: 4096)
 */
export interface Bpe extends Settings<"tokenizer"> {
  /** Entries, with the 256 bytes, the 100 pairs of digits, and the tokens that begin and end a text. @min 358 @max 10000000 */
  vocab: Count;
}

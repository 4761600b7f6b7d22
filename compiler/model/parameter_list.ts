import type { ModelShape } from "./parameters.ts";

/** A parameter of a model or of an adapter, by Hugging Face's name. */
export interface Parameter {
  readonly name: string;
  /** A matrix is [outputs, inputs], an embedding [vocabulary, hidden]; a norm or a bias has one length. */
  readonly shape: readonly number[];
  /** Product of the shape. */
  readonly numbers: number;
  /** In an engine's arena it follows the one before without a gap. */
  readonly joined: boolean;
  readonly adapter: boolean;
  /** A matrix that is no adapter's. */
  readonly matrix: boolean;
}

/** What an adapter adds: matrices of a rank beside the maps that are named (2106.09685). */
export interface AdapterShape {
  readonly rank: number;
  /** Last part of the maps' names, such as q_proj. */
  readonly targets: readonly string[];
}

/** Linear maps that read the same input: a product of one matrix, in which they lie one after the other. */
interface Maps {
  readonly input: number;
  readonly bias: boolean;
  readonly maps: readonly (readonly [name: string, outputs: number])[];
}

/**
 * Visits the parameters of a model that the engine computes, in their order in its arena: its own, then the adapters'. Mirrors
 * native/model/parameters.cc; a test holds the two against each other.
 *
 * @returns the widest x Aᵀ of an adapter, in numbers; 0 without one
 */
export function visitParameters(
  model: ModelShape,
  adapter: AdapterShape | undefined,
  visit: (parameter: Parameter) => void,
): number {
  const { vocab_size: vocab, hidden_size: hidden } = model;
  const groups = layerMaps(model);
  const matrix = (stem: string, outputs: number, inputs: number, joined = false) => {
    const shape = [outputs, inputs];
    visit({ name: `${stem}.weight`, shape, numbers: outputs * inputs, joined, adapter: false, matrix: true });
  };
  const vector = (name: string, length: number, joined = false) =>
    visit({ name, shape: [length], numbers: length, joined, adapter: false, matrix: false });
  matrix("model.embed_tokens", vocab, hidden);
  for (let layer = 0; layer < model.layers; layer++) {
    const at = `model.layers.${layer}`;
    for (const { input, bias, maps } of groups) {
      maps.forEach(([name, outputs], index) => void matrix(`${at}.${name}`, outputs, input, index > 0));
      if (bias) maps.forEach(([name, outputs], index) => void vector(`${at}.${name}.bias`, outputs, index > 0));
    }
    for (const of of model.qk_norm ? ["q_norm", "k_norm"] : []) vector(`${at}.self_attn.${of}.weight`, model.head_dim);
    vector(`${at}.input_layernorm.weight`, hidden);
    vector(`${at}.post_attention_layernorm.weight`, hidden);
  }
  vector("model.norm.weight", hidden);
  if (!model.tie_word_embeddings) matrix("lm_head", vocab, hidden);
  return adapter ? visitAdapters(model, groups, adapter, visit) : 0;
}

function layerMaps(model: ModelShape): Maps[] {
  const { hidden_size: hidden, intermediate_size: ffn, heads, kv_heads: kvHeads, head_dim: headDim } = model;
  const { qkv_bias = false, o_bias = false, mlp_bias = false } = model;
  const q = heads * headDim;
  const kv = kvHeads * headDim;
  return [
    {
      input: hidden,
      bias: qkv_bias,
      maps: [
        ["self_attn.q_proj", q],
        ["self_attn.k_proj", kv],
        ["self_attn.v_proj", kv],
      ],
    },
    { input: q, bias: o_bias, maps: [["self_attn.o_proj", hidden]] },
    {
      input: hidden,
      bias: mlp_bias,
      maps: [
        ["mlp.gate_proj", ffn],
        ["mlp.up_proj", ffn],
      ],
    },
    { input: ffn, bias: mlp_bias, maps: [["mlp.down_proj", hidden]] },
  ];
}

/** Of each group of maps all A, then all B: one product makes x Aᵀ of all that read x. */
function visitAdapters(
  { layers }: ModelShape,
  groups: readonly Maps[],
  { rank, targets }: AdapterShape,
  visit: (parameter: Parameter) => void,
): number {
  const adapted = groups.map(({ input, maps }) => ({
    input,
    maps: maps.filter(([name]) => targets.includes(name.split(".")[1]!)),
  }));
  const part = (name: string, shape: readonly [number, number], joined: boolean) =>
    visit({ name, shape, numbers: shape[0] * shape[1], joined, adapter: true, matrix: false });
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`;
    for (const { input, maps } of adapted) {
      maps.forEach(([name], index) => void part(`${at}.${name}.lora_A.weight`, [rank, input], index > 0));
      for (const [name, outputs] of maps) part(`${at}.${name}.lora_B.weight`, [outputs, rank], false);
    }
  }
  return layers > 0 ? rank * Math.max(...adapted.map(({ maps }) => maps.length)) : 0;
}

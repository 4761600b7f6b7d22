import { visitParameters } from "../model/parameter_list.ts";
import type { ModelShape } from "../model/parameters.ts";
import type { PlanModel } from "../plan.ts";
import { type StoredTensor, shown, shownShape, type WantedTensor, type WeightsFault, weightsFaults } from "./faults.ts";

/** Where config.json and the weights are of two models: what the one calls for and the others have. */
export interface Differences {
  /** `hidden_size = 128, the weights have 64 (…)`; one for each key that explains faults. */
  readonly clauses: readonly string[];
  /** Tensors have other names throughout. */
  readonly renamed: boolean;
  /** All that is wrong. */
  readonly faults: readonly WeightsFault[];
  /** What no key explains. */
  readonly left: readonly WeightsFault[];
}

/** Names and shapes of the tensors that a model's weights consist of. */
export function wantedTensors(model: ModelShape): WantedTensor[] {
  const wanted: WantedTensor[] = [];
  visitParameters(model, undefined, (parameter) => wanted.push(parameter));
  return wanted;
}

/** What would have to be otherwise in config.json. */
interface Correction {
  readonly shape: Partial<ModelShape>;
  /** null: it follows from another key, which has been told. */
  readonly clause: string | null;
}

/** More than a model of these families has: a file with so many is looked through once, and not for causes. */
const MOST_TENSORS = 20_000;

/**
 * Finds the keys of config.json that the weights contradict. Each is taken as the weights have it for as long as that leaves fewer faults: a
 * wrong hidden_size is one cause of hundreds.
 */
export function differencesOf(model: PlanModel, tensors: readonly StoredTensor[]): Differences {
  const wanted = wantedTensors(model);
  const faults = weightsFaults(wanted, tensors);
  const clauses: string[] = [];
  let found = { model, faults };
  if (faults.length < 2 || tensors.length > MOST_TENSORS) return { clauses, renamed: false, faults, left: faults };
  let stored = new Stored(tensors, wanted);
  const names = otherNames(tensors);
  const renamed = names ? weightsFaults(wanted, names.tensors) : faults;
  if (names && renamed.length < faults.length) {
    clauses.push(names.clause);
    stored = new Stored(names.tensors, wanted);
    found = { model, faults: renamed };
  }
  for (const measure of [
    hiddenSize,
    vocabulary,
    intermediateSize,
    heads,
    layers,
    tie,
    attentionBias,
    mlpBias,
    headNorms,
  ]) {
    const correction = found.faults.length > 0 ? measure(found.model, stored, model) : null;
    if (!correction) continue;
    const corrected = { ...found.model, ...correction.shape };
    const left = weightsFaults(wantedTensors(corrected), stored.tensors);
    if (left.length >= found.faults.length) continue;
    found = { model: corrected, faults: left };
    if (correction.clause !== null) clauses.push(correction.clause);
  }
  return { clauses, renamed: renamed.length < faults.length, faults, left: found.faults };
}

/** The tensors of a folder, asked for by what they are of their layers. */
class Stored {
  readonly #byName: ReadonlyMap<string, StoredTensor>;
  readonly #wanted: ReadonlyMap<string, WantedTensor>;
  readonly #ofLayers = new Map<string, StoredTensor[]>();
  readonly layers = new Set<number>();

  constructor(
    readonly tensors: readonly StoredTensor[],
    wanted: readonly WantedTensor[],
  ) {
    this.#byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    this.#wanted = new Map(wanted.map((tensor) => [tensor.name, tensor]));
    for (const tensor of tensors) {
      const [, layer, part] = /^model\.layers\.(\d+)\.(.+)$/.exec(tensor.name) ?? [];
      if (part === undefined) continue;
      this.layers.add(Number(layer));
      const alike = this.#ofLayers.get(part);
      if (alike) alike.push(tensor);
      else this.#ofLayers.set(part, [tensor]);
    }
  }

  named(name: string): StoredTensor | undefined {
    return this.#byName.get(name);
  }

  has(part: string): boolean {
    return this.#ofLayers.has(part);
  }

  /** The first tensor that has the first length which most layers' have: one odd layer is not what the model is like. */
  typical(part: string): StoredTensor | undefined {
    const counts = new Map<number, StoredTensor[]>();
    for (const tensor of this.#ofLayers.get(part) ?? []) {
      const [length = 0] = tensor.shape;
      const alike = counts.get(length);
      if (alike) alike.push(tensor);
      else counts.set(length, [tensor]);
    }
    return [...counts.values()].reduce<StoredTensor[]>(
      (most, some) => (some.length > most.length ? some : most),
      [],
    )[0];
  }

  /** ` (model.norm.weight is [64], not [128])`. */
  seen({ name, shape }: StoredTensor): string {
    const wanted = this.#wanted.get(name);
    return wanted
      ? ` (${name} is ${shownShape(shape)}, not ${shownShape(wanted.shape)})`
      : ` (${shown(name)} is ${shownShape(shape)})`;
  }
}

type Measure = (now: PlanModel, stored: Stored, config: PlanModel) => Correction | null;

const hiddenSize: Measure = (model, stored) => {
  const norm = stored.typical("input_layernorm.weight") ?? stored.named("model.norm.weight");
  return norm ? sized("hidden_size", model.hidden_size, norm, stored, (hidden_size) => ({ hidden_size })) : null;
};

const vocabulary: Measure = (model, stored) => {
  const embedding = stored.named("model.embed_tokens.weight");
  return embedding ? sized("vocab_size", model.vocab_size, embedding, stored, (vocab_size) => ({ vocab_size })) : null;
};

const intermediateSize: Measure = (model, stored) => {
  const gate = stored.typical("mlp.gate_proj.weight");
  const shape = (intermediate_size: number) => ({ intermediate_size });
  return gate ? sized("intermediate_size", model.intermediate_size, gate, stored, shape) : null;
};

/** @param tensor whose first length is what config.json says under `key` */
function sized(
  key: string,
  config: number,
  tensor: StoredTensor,
  stored: Stored,
  shape: (length: number) => Partial<ModelShape>,
): Correction | null {
  const [length] = tensor.shape;
  if (length === undefined || length === config) return null;
  return { shape: shape(length), clause: `${key} = ${config}, the weights have ${length}${stored.seen(tensor)}` };
}

/** Of queries and of keys the weights tell only heads times width, and the width where heads have norms. */
const heads: Measure = (model, stored, config) => {
  const queries = stored.typical("self_attn.q_proj.weight");
  const keys = stored.typical("self_attn.k_proj.weight");
  const [q, kv] = [queries?.shape[0], keys?.shape[0]];
  if (!queries || !keys || !q || !kv) return null;
  const norm = stored.typical("self_attn.q_norm.weight");
  const own = norm?.shape[0];
  if (norm && own && own !== model.head_dim && q % own === 0 && kv % own === 0) {
    const shape = { heads: q / own, kv_heads: kv / own, head_dim: own };
    return { shape, clause: `head_dim = ${model.head_dim}, the weights have ${own}${stored.seen(norm)}` };
  }
  const follows = model.hidden_size / model.heads;
  const derived = config.head_dim === config.hidden_size / config.heads && model.hidden_size !== config.hidden_size;
  if (derived && q === model.heads * follows && kv === model.kv_heads * follows)
    return { shape: { head_dim: follows }, clause: null };
  const [wasQ, wasKv] = [model.heads * model.head_dim, model.kv_heads * model.head_dim];
  if (kv === wasKv && q % model.head_dim === 0)
    return sizedHeads("num_attention_heads", "heads", model.heads, q / model.head_dim, stored.seen(queries));
  if (q === wasQ && kv % model.head_dim === 0)
    return sizedHeads("num_key_value_heads", "kv_heads", model.kv_heads, kv / model.head_dim, stored.seen(keys));
  const products = `num_attention_heads × head_dim = ${wasQ} and num_key_value_heads × head_dim = ${wasKv}`;
  // Which of the factors it is does not show: only the products count from here on.
  const shape = model.qk_norm ? {} : { heads: q, kv_heads: kv, head_dim: 1 };
  return { shape, clause: `${products}, the weights have ${q} and ${kv}${stored.seen(queries)}` };
};

function sizedHeads(
  key: string,
  name: "heads" | "kv_heads",
  config: number,
  found: number,
  seen: string,
): Correction | null {
  if (config === found) return null;
  return { shape: { [name]: found }, clause: `${key} = ${config}, the weights have ${found}${seen}` };
}

const layers: Measure = (model, stored) => {
  const count = stored.layers.size;
  if (count === 0 || count === model.layers) return null;
  for (let layer = 0; layer < count; layer++) if (!stored.layers.has(layer)) return null;
  return { shape: { layers: count }, clause: `num_hidden_layers = ${model.layers}, the weights have ${count}` };
};

const tie: Measure = (model, stored) =>
  !model.tie_word_embeddings && !stored.named("lm_head.weight")
    ? {
        shape: { tie_word_embeddings: true },
        clause: "tie_word_embeddings = false, the weights have no lm_head.weight",
      }
    : null;

const attentionBias: Measure = (model, stored) => {
  const shape = { qkv_bias: stored.has("self_attn.q_proj.bias"), o_bias: stored.has("self_attn.o_proj.bias") };
  if (shape.qkv_bias === model.qkv_bias && shape.o_bias === model.o_bias) return null;
  const has = shape.qkv_bias ? "biases of q_proj" : shape.o_bias ? "biases of o_proj" : "no biases of q_proj";
  const byKey = (model.family === "llama" || model.family === "qwen3") && shape.qkv_bias === shape.o_bias;
  if (byKey) return { shape, clause: `attention_bias = ${!shape.qkv_bias}, the weights have ${has}` };
  const like = shape.qkv_bias && !shape.o_bias ? ", as those of a qwen2" : "";
  return { shape, clause: `model_type = "${model.family}", the weights have ${has}${like}` };
};

const mlpBias: Measure = (model, stored) => {
  const found = stored.has("mlp.gate_proj.bias");
  if (found === model.mlp_bias) return null;
  const has = found ? "biases of gate_proj" : "no biases of gate_proj";
  const key = model.family === "llama" ? `mlp_bias = ${!found}` : `model_type = "${model.family}"`;
  return { shape: { mlp_bias: found }, clause: `${key}, the weights have ${has}` };
};

const headNorms: Measure = (model, stored) => {
  const found = stored.has("self_attn.q_norm.weight");
  if (found === model.qk_norm) return null;
  const has = found ? "norms of queries and keys (q_norm, k_norm), as those of a qwen3" : "no q_norm and k_norm";
  return { shape: { qk_norm: found }, clause: `model_type = "${model.family}", the weights have ${has}` };
};

const EMBEDDING = "embed_tokens.weight";
const BODY = "model.";

/**
 * The same tensors under the names that they would have as a model of their own, where all are called otherwise: saved without the output layer
 * (`layers.0…`), or as a part of something larger (`language_model.model.layers.0…`).
 */
function otherNames(tensors: readonly StoredTensor[]): { tensors: StoredTensor[]; clause: string } | null {
  const embeddings = tensors.filter(({ name }) => name.endsWith(EMBEDDING));
  const [embedding] = embeddings;
  if (!embedding || embeddings.length > 1 || embedding.name === BODY + EMBEDDING) return null;
  const before = embedding.name.slice(0, -EMBEDDING.length);
  if (before !== "" && !before.endsWith(".")) return null;
  const outer = before.endsWith(BODY) ? before.slice(0, -BODY.length) : null;
  const renamed = (name: string) => {
    if (outer === null) return name.startsWith(before) ? BODY + name.slice(before.length) : name;
    return name.startsWith(outer) ? name.slice(outer.length) : name;
  };
  return {
    tensors: tensors.map((tensor) => ({ ...tensor, name: renamed(tensor.name) })),
    clause: `names such as ${BODY}${EMBEDDING}, the weights have ${shown(embedding.name)}`,
  };
}

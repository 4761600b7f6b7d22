import type { PlanModel } from "../plan.ts";
import { type JsonObject, readHuggingFaceRope, show } from "../rope/index.ts";
import type { ModelFinding, ModelFindingKind } from "./finding.ts";
import { countParameters } from "./parameters.ts";

export interface ModelReading {
  /** null when the config can't be used; a finding says why. `path` and `from` are for the caller to fill in. */
  model: PlanModel | null;
  findings: ModelFinding[];
}

/** `model_type`s that the engine computes. */
export const FAMILIES = ["llama"] as const;

/**
 * Reads the config.json of a Llama-family model.
 *
 * Defaults are those of transformers' `LlamaConfig` where a key may be left out: head_dim = hidden / heads, kv heads =
 * heads, no biases, silu, untied embeddings, rms_norm_eps 1e-6, initializer_range 0.02.
 *
 * @param text contents of config.json
 * @param from Hub name or folder as the recipe wrote it
 */
export function readModelConfig(text: string, from: string): ModelReading {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (error) {
    return refuse("not-json", "", `config.json is not valid JSON: ${(error as Error).message}.`);
  }
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    return refuse("not-json", "", "config.json must hold an object.");
  }
  return modelFromConfig(config as JsonObject, from);
}

/** The same from a parsed config. */
export function modelFromConfig(config: JsonObject, from: string): ModelReading {
  const family = config.model_type;
  if (!FAMILIES.some((known) => known === family)) {
    const found = family === undefined ? "no model_type" : `model_type ${show(family)}`;
    const message = `config.json has ${found}; supported is ${FAMILIES.join(", ")}.`;
    return refuse("family-unsupported", "model_type", message);
  }
  const keys = new Keys(config);
  const heads = keys.count("num_attention_heads");
  const hidden = keys.count("hidden_size");
  const shape = {
    vocab_size: keys.count("vocab_size"),
    hidden_size: hidden,
    intermediate_size: keys.count("intermediate_size"),
    layers: keys.count("num_hidden_layers", 1 << 16),
    heads,
    kv_heads: keys.count("num_key_value_heads", 1 << 24, heads),
    head_dim: keys.count("head_dim", 1 << 12, hidden / heads),
    tie_word_embeddings: keys.flag("tie_word_embeddings", false),
  };
  const context = keys.count("max_position_embeddings", 2 ** 31 - 1);
  const eps = keys.number("rms_norm_eps", 1e-6);
  const std = keys.number("initializer_range", 0.02);
  const bos = keys.token("bos_token_id");
  const eos = keys.token("eos_token_id");
  keys.refuseUnsupported();
  if (keys.findings.length === 0) keys.refuseShape(shape);
  const parameters = countParameters(shape);
  if (keys.findings.length === 0 && !Number.isSafeInteger(parameters)) {
    keys.error("too-large", "", `the sizes in config.json multiply to ${parameters.toExponential(1)} parameters.`);
  }
  if (keys.findings.length > 0) return { model: null, findings: keys.findings };

  const { rope, findings } = readHuggingFaceRope(config, shape.head_dim, context);
  if (!rope) return { model: null, findings };
  const model: PlanModel = {
    from,
    path: null,
    family: "llama",
    ...shape,
    rms_norm_eps: eps,
    initializer_range: std,
    bos_token_id: bos,
    eos_token_id: eos,
    context,
    parameters,
    rope,
    initialize: null,
  };
  return { model, findings };
}

function refuse(kind: ModelFindingKind, key: string, message: string): ModelReading {
  return { model: null, findings: [{ kind, severity: "error", key, message }] };
}

/** Takes typed values out of untyped JSON and notes what is missing or wrong. */
class Keys {
  readonly findings: ModelFinding[] = [];

  constructor(private readonly config: JsonObject) {}

  error(kind: ModelFindingKind, key: string, message: string): void {
    this.findings.push({ kind, severity: "error", key, message });
  }

  /** A whole number from 1 to `most`. */
  count(key: string, most = 1 << 24, otherwise?: number): number {
    const value = this.config[key] ?? otherwise;
    if (value === undefined) {
      this.error("value-missing", key, `config.json lacks ${key}.`);
      return 1;
    }
    if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most) return value;
    const given =
      this.config[key] === undefined || this.config[key] === null ? " (hidden_size / num_attention_heads)" : "";
    const message = `${key} must be a whole number from 1 to ${most}, not ${show(value)}${given}.`;
    this.error("value-wrong", key, message);
    return 1;
  }

  /** A number > 0. */
  number(key: string, otherwise: number): number {
    const value = this.config[key] ?? otherwise;
    if (typeof value === "number" && value > 0 && Number.isFinite(value)) return value;
    this.error("value-wrong", key, `${key} must be a positive number, not ${show(value)}.`);
    return otherwise;
  }

  flag(key: string, otherwise: boolean): boolean {
    const value = this.config[key] ?? otherwise;
    if (typeof value === "boolean") return value;
    this.error("value-wrong", key, `${key} must be true or false, not ${show(value)}.`);
    return otherwise;
  }

  /** A token id, or the first of a list of them; null when there is none. */
  token(key: string): number | null {
    const value = this.config[key];
    const first = Array.isArray(value) ? value[0] : value;
    if (first === undefined || first === null) return null;
    if (typeof first === "number" && Number.isInteger(first)) return first < 0 ? null : first;
    this.error("value-wrong", key, `${key} must be a token id or a list of them, not ${show(value)}.`);
    return null;
  }

  /** What other llama-like checkpoints have and the engine doesn't compute. */
  refuseUnsupported(): void {
    for (const key of ["attention_bias", "mlp_bias"]) {
      if (this.flag(key, false)) {
        this.error("bias-unsupported", key, `${key} is true; models with biases are not supported.`);
      }
    }
    if (this.config.quantization_config !== undefined && this.config.quantization_config !== null) {
      const message = "the weights are quantized (quantization_config); only f32, bf16 and f16 weights can be trained.";
      this.error("quantized-unsupported", "quantization_config", message);
    }
    const activation = this.config.hidden_act ?? "silu";
    if (activation !== "silu") {
      const message = `hidden_act is ${show(activation)}; only "silu" is supported.`;
      this.error("activation-unsupported", "hidden_act", message);
    }
  }

  refuseShape(shape: { heads: number; kv_heads: number; head_dim: number }): void {
    if (shape.heads % shape.kv_heads !== 0) {
      const message = `num_attention_heads (${shape.heads}) must be a multiple of num_key_value_heads (${shape.kv_heads}).`;
      this.error("heads-indivisible", "num_key_value_heads", message);
    }
    if (shape.head_dim % 2 !== 0) {
      this.error(
        "head-dim-odd",
        "head_dim",
        `RoPE turns pairs of dimensions: head_dim must be even, not ${shape.head_dim}.`,
      );
    }
  }
}

import { existsSync } from "node:fs";
import { join } from "node:path";
import { writeModelConfig } from "../../compiler/model/index.ts";
import type { Plan, PlanExport, PlanRope } from "../../compiler/plan.ts";
import { type JsonObject, proveExport } from "../../compiler/rope/index.ts";
import type { NativeEngine, NativeParameter } from "../engine/addon.ts";
import { Failure, messageOf } from "../run/failure.ts";
import { readBytes, readJson, writeSynced } from "../run/files.ts";
import { type OutTensor, SHARD_BYTES, writeTensors } from "./shards.ts";
import type { TensorDtype } from "./tensor_header.ts";

/** What makes a Hugging Face folder out of an engine's weights. */
export interface ModelFolderOptions {
  engine: Pick<NativeEngine, "save" | "parameters">;
  plan: Plan;
  /** The table that the weights were trained with. */
  rope: PlanRope;
  /** Length that they were trained for. */
  context: number;
  dtype: PlanExport["dtype"];
  /** Folder of the tokenizer's files; null: none to copy. */
  tokenizer: string | null;
  /** The base model's own config.json, whose other keys are kept; null for a new model. */
  baseConfig: JsonObject | null;
  shardBytes?: number;
}

/** Largest relative difference between the plan's table and the one that transformers makes of the config: rounding. */
const EXACT = 1e-12;

const TOKENIZER_FILES = [
  "tokenizer.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "chat_template.jinja",
  "tokenizer.model",
  "vocab.json",
  "merges.txt",
];

const DTYPE: { [dtype in PlanExport["dtype"]]: TensorDtype } = { f32: "F32", bf16: "BF16", f16: "F16" };

/**
 * Fills `folder` with config.json, generation_config.json, the weights and the tokenizer. Adapters are merged into the
 * weights. The config is read back as transformers 4, transformers 5 and vLLM would and must give the plan's frequency table.
 *
 * @throws Failure when no config.json holds the table, or a file cannot be written
 */
export async function fillModelFolder(folder: string, options: ModelFolderOptions): Promise<void> {
  const { plan, context, dtype } = options;
  const config = provenConfig(plan, options.rope, context, dtype, options.baseConfig);
  writeSynced(join(folder, "config.json"), configJson(config));
  writeSynced(join(folder, "generation_config.json"), json(generationConfig(plan, config)));
  await writeTensors(
    options.engine,
    folder,
    modelTensors(options.engine, DTYPE[dtype]),
    "model",
    options.shardBytes ?? SHARD_BYTES,
  );
  if (options.tokenizer !== null) copyTokenizer(options.tokenizer, folder, context);
}

/** config.json whose table was held against the plan's. */
export function provenConfig(
  plan: Plan,
  rope: PlanRope,
  context: number,
  dtype: PlanExport["dtype"],
  baseConfig: JsonObject | null,
): JsonObject {
  let config: JsonObject;
  try {
    config = writeModelConfig(plan.model, rope, context, dtype, baseConfig ?? {});
  } catch (error) {
    throw new Failure("input", messageOf(error), "choose a RoPE method that Hugging Face knows", error);
  }
  for (const { consumer, difference, refused } of proveExport(config, plan.model.head_dim, rope, context)) {
    // What transformers 4 does not know it refuses by name; a silently different table is the danger.
    if (refused !== null && consumer === "transformers 4") continue;
    if (refused !== null || !(difference <= EXACT)) {
      throw new Failure(
        "input",
        `${consumer} would read another frequency table from the exported config.json than the plan's: ` +
          (refused ?? `the largest relative difference is ${difference.toExponential(1)}`),
        "choose a RoPE method that Hugging Face knows",
      );
    }
  }
  return config;
}

/** The model's own parameters in the engine's order, with adapters merged in where there are any. */
export function modelTensors(engine: Pick<NativeEngine, "parameters">, dtype: TensorDtype): OutTensor[] {
  const parameters = engine.parameters();
  const adapted = new Set(parameters.filter(isAdapter).map((parameter) => adaptedName(parameter.name)));
  return parameters
    .filter((parameter) => !isAdapter(parameter))
    .map(({ name, shape }) => ({
      name,
      parameter: name,
      slot: adapted.has(name) ? ("merged" as const) : ("value" as const),
      dtype,
      shape,
    }));
}

export function isAdapter(parameter: Pick<NativeParameter, "name">): boolean {
  return /\.lora_[AB]\./.test(parameter.name);
}

/** `…q_proj.lora_A.weight` → `…q_proj.weight`. */
function adaptedName(name: string): string {
  return name.replace(/\.lora_[AB]\./, ".");
}

function generationConfig(plan: Plan, config: JsonObject): JsonObject {
  return {
    _from_model_config: true,
    bos_token_id: config.bos_token_id ?? plan.model.bos_token_id,
    eos_token_id: config.eos_token_id ?? plan.model.eos_token_id,
  };
}

/** Copies what there is, and tells the tokenizer the new length. */
export function copyTokenizer(from: string, to: string, context: number): void {
  for (const name of TOKENIZER_FILES) {
    if (existsSync(join(from, name))) writeSynced(join(to, name), readBytes(join(from, name)));
  }
  const config = join(from, "tokenizer_config.json");
  if (existsSync(config)) {
    const changed = { ...readJson<JsonObject>(config), model_max_length: context };
    writeSynced(join(to, "tokenizer_config.json"), json(changed));
  }
}

/** The config.json of the base model's folder, or null when there is none. */
export function readBaseConfig(folder: string | null): JsonObject | null {
  if (folder === null || !existsSync(join(folder, "config.json"))) return null;
  return readJson<JsonObject>(join(folder, "config.json"));
}

/** Keys that transformers wants as floating-point numbers, and otherwise warns of at every load. */
const FLOAT_KEYS =
  /^(\s*"(?:rope_theta|factor|attention_factor|(?:low|high)_freq_factor|beta_(?:fast|slow)|mscale|mscale_all_dim)": -?\d+)(,?)$/gm;

/** A config.json: as any JSON, whole values of RoPE written as `8.0`, for Python to read as the floats that they are. */
export function configJson(config: JsonObject): string {
  return json(config).replace(FLOAT_KEYS, "$1.0$2");
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

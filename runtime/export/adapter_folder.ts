import { join } from "node:path";
import type { PlanExport, PlanLora } from "../../compiler/plan.ts";
import type { NativeEngine } from "../engine/addon.ts";
import { writeSynced } from "../run/files.ts";
import { isAdapter } from "./model_folder.ts";
import { type OutTensor, writeTensors } from "./shards.ts";
import type { TensorDtype } from "./tensor_header.ts";

const DTYPE: { [dtype in PlanExport["dtype"]]: TensorDtype } = { f32: "F32", bf16: "BF16", f16: "F16" };

/** What PEFT puts before each parameter's name. */
const PREFIX = "base_model.model.";

/**
 * Fills `folder` with a LoRA adapter as PEFT lays it out: adapter_config.json and adapter_model.safetensors with the
 * adapters and every parameter that was trained in full besides (`modules_to_save`).
 *
 * @param base name or folder of the base model
 */
export async function fillAdapterFolder(
  folder: string,
  engine: Pick<NativeEngine, "save" | "parameters">,
  lora: PlanLora,
  dtype: PlanExport["dtype"],
  base: string | null,
): Promise<void> {
  const trained = engine.parameters().filter((parameter) => parameter.trainable);
  const whole = trained.filter((parameter) => !isAdapter(parameter));
  const tensors = trained.map(
    ({ name, shape }): OutTensor => ({
      name: PREFIX + name,
      parameter: name,
      slot: "value",
      dtype: DTYPE[dtype],
      shape,
    }),
  );
  await writeTensors(engine, folder, tensors, "adapter_model", Number.POSITIVE_INFINITY);
  const config = {
    base_model_name_or_path: base,
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: lora.alpha,
    lora_dropout: 0,
    modules_to_save: whole.length === 0 ? null : [...new Set(whole.map((parameter) => moduleOf(parameter.name)))],
    peft_type: "LORA",
    r: lora.rank,
    target_modules: lora.targets,
    task_type: "CAUSAL_LM",
    use_dora: false,
    use_rslora: false,
  };
  writeSynced(join(folder, "adapter_config.json"), `${JSON.stringify(config, null, 2)}\n`);
}

/** The engine's name of a tensor in an adapter's file. */
export function parameterName(tensor: string): string {
  return tensor.slice(PREFIX.length);
}

/** `model.layers.0.input_layernorm.weight` → `input_layernorm`. */
function moduleOf(name: string): string {
  return name.split(".").at(-2) ?? name;
}

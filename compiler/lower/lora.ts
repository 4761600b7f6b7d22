import { isComputed } from "../model/index.ts";
import type { PlanLora, PlanModel } from "../plan.ts";
import { numberArgument, type TypedCall } from "../types/typed.ts";
import { showNumber } from "../values/show.ts";
import type { Reader } from "./reader.ts";

/** The adapter of `method = lora(…)`, held against the model; null for full training. */
export function lowerLora(call: TypedCall | undefined, model: PlanModel, reader: Reader): PlanLora | null {
  if (call?.name !== "lora") return null;
  const rank = numberArgument(call, "rank") ?? 8;
  const alpha = numberArgument(call, "alpha") ?? 2 * rank;
  if (numberArgument(call, "alpha") === undefined) reader.note("method.alpha", String(alpha), "2 × rank");
  const known = reader.lowering.adapters.get(call);
  if (known) return known;
  const lora = {
    rank,
    alpha,
    targets: textsArgument(call, "targets"),
    also: textsArgument(call, "also"),
    plus_ratio: numberArgument(call, "plus_ratio") ?? 1,
  };
  if (!isComputed(model.family)) {
    const hint = "leave method out: all its weights are planned to be trained";
    reader.lowering.report.add("CTX6008", call.at, {
      problem: `adapters are not planned for a model of ${model.family}`,
      hint,
    });
    return null;
  }
  checkTargets(lora, call, model, reader);
  checkAlso(lora, call, model, reader);
  reader.lowering.adapters.set(call, lora);
  return lora;
}

/** There is a matrix to adapt, and one that an update of this rank fits. */
function checkTargets({ rank, targets }: PlanLora, call: TypedCall, model: PlanModel, reader: Reader): void {
  const { report } = reader.lowering;
  const at = (name: string) => call.arguments.get(name)?.at ?? call.at;
  if (targets.length === 0) {
    const hint = "name the matrices that get an update, such as [q_proj, v_proj], or leave targets out";
    report.add("CTX6008", at("targets"), { problem: "the adapter has no targets", hint });
    return;
  }
  const most = Math.max(...targets.map((target) => Math.min(...sidesOf(target, model))));
  if (rank <= most) return;
  const problem = `rank ${showNumber(rank)} exceeds that of every matrix that gets an update`;
  report.add("CTX6008", at("rank"), {
    problem,
    hint: `no update can have a rank above ${showNumber(most)}, the smaller side of the largest target`,
  });
}

/** With tied embeddings the output layer is the input's matrix. */
function checkAlso({ also }: PlanLora, call: TypedCall, model: PlanModel, reader: Reader): void {
  if (!also.includes("lm_head") || !model.tie_word_embeddings) return;
  reader.lowering.report.add("CTX6008", call.arguments.get("also")?.at ?? call.at, {
    problem: "the model has no lm_head of its own: its output layer is tied to embed_tokens",
    hint: "write embed_tokens, which trains both",
  });
}

/** Rows and columns of a layer's matrix. */
function sidesOf(target: string, model: PlanModel): [number, number] {
  const { hidden_size: hidden, intermediate_size: intermediate, heads, kv_heads: kvHeads, head_dim: headDim } = model;
  switch (target) {
    case "q_proj":
    case "o_proj":
      return [heads * headDim, hidden];
    case "k_proj":
    case "v_proj":
      return [kvHeads * headDim, hidden];
    default:
      return [intermediate, hidden];
  }
}

/** A list of names, each once. */
function textsArgument(call: TypedCall, name: string): string[] {
  const value = call.arguments.get(name)?.value;
  return Array.isArray(value) ? [...new Set(value.filter((item) => typeof item === "string"))] : [];
}

import { sameAdapter } from "../model/index.ts";
import type { PlanHardware, PlanLora, PlanModel, PlanPositions, PlanSchedule, PlanTrain } from "../plan.ts";
import { numberArgument, numbersArgument } from "../types/typed.ts";
import { showRatio } from "../values/show.ts";
import { lowerLora } from "./lora.ts";
import type { Reader } from "./reader.ts";

/**
 * How a stage's weights learn.
 *
 * @param steps optimizer steps of the stage, for a warm-up given as a share
 * @param before the stage before, whose moments may be carried on
 */
export function lowerTrain(
  reader: Reader,
  steps: number,
  before: PlanTrain | null,
  { model, hardware }: { readonly model: PlanModel; readonly hardware: Pick<PlanHardware, "kind"> },
  pointer: string,
): PlanTrain {
  const lora = lowerLora(reader.call("method"), model, reader);
  const train: PlanTrain = {
    method: lora ? "lora" : "full",
    lora,
    optimizer: { ...lowerOptimizer(reader), state: "carry" },
    schedule: lowerSchedule(reader, steps),
    clip: reader.value("clip") === "none" ? null : (reader.number("clip") ?? 1),
    ...(reader.flag("deterministic") === false && { deterministic: false }),
    dtype: lowerDtype(reader, hardware),
  };
  train.optimizer.state = lowerState(reader, train, before);
  traceTrain(reader, pointer);
  return train;
}

/** The same for all stages that leave it open, and noted once. */
function lowerDtype(reader: Reader, { kind }: Pick<PlanHardware, "kind">): PlanTrain["dtype"] {
  const written = reader.text("dtype") ?? "auto";
  if (written !== "auto") return written as PlanTrain["dtype"];
  const value = kind === "cuda" ? "bf16" : "f32";
  reader.lowering.note({ path: "train.dtype", value, from: whyIn[value] });
  return value;
}

const whyIn = {
  bf16: "what the fast kernels of GPUs compute in; what learns, its gradients and the optimizer are f32",
  f32: "exact; in bf16 a CPU with instructions for it is faster",
};

function lowerOptimizer(reader: Reader): Omit<PlanTrain["optimizer"], "state"> {
  const call = reader.call("optimizer");
  const betas = call && numbersArgument(call, "betas");
  if (betas && betas.length !== 2) {
    const at = call.arguments.get("betas")?.at ?? reader.at("optimizer");
    reader.lowering.report.add("CTX2104", at, {
      name: "betas",
      value: `a list of ${betas.length}`,
      range: "a list of two",
    });
  }
  const whole = betas?.find((beta) => beta >= 1);
  if (whole !== undefined) {
    // A moment that never forgets divides by 1 - 1 = 0 in the correction of its bias.
    const values = { name: "betas", value: `[${betas!.join(", ")}]`, range: "from 0 to below 1 each" };
    reader.lowering.report.add("CTX2104", call?.arguments.get("betas")?.at ?? reader.at("optimizer"), values);
  }
  return {
    kind: "adamw",
    lr: (call && numberArgument(call, "lr")) ?? 2e-5,
    betas: [betas?.[0] ?? 0.9, betas?.[1] ?? 0.95],
    eps: (call && numberArgument(call, "eps")) ?? 1e-8,
    weight_decay: (call && numberArgument(call, "weight_decay")) ?? 0,
  };
}

/** Moments belong to the parameters that were trained: with others they start anew unless the recipe insists. */
function lowerState(reader: Reader, train: PlanTrain, before: PlanTrain | null): "carry" | "reset" {
  const written = reader.text("optimizer_state") as "carry" | "reset" | undefined;
  if (reader.has("optimizer_state") || !before) return written ?? "carry";
  const same = sameParameters(train.lora, before.lora);
  if (!same) reader.note("optimizer_state", "reset", "other parameters are trained than in the stage before");
  return same ? "carry" : "reset";
}

/** Whether two stages train the same parameters: all, or those of like adapters. */
function sameParameters(a: PlanLora | null, b: PlanLora | null): boolean {
  return a && b ? sameAdapter(a, b) : a === b;
}

function lowerSchedule(reader: Reader, steps: number): PlanSchedule {
  const call = reader.call("schedule");
  const warmup = (call && numberArgument(call, "warmup")) ?? 0;
  const warmupSteps = warmup < 1 ? Math.round(warmup * steps) : warmup;
  if (warmupSteps >= steps && warmupSteps > 0) {
    const at = call?.arguments.get("warmup")?.at ?? reader.at("schedule");
    const tenth = Math.floor(steps / 10);
    const fix = { title: `warm up for ${tenth} steps`, safety: "review" as const };
    const fixes = tenth > 0 ? [{ ...fix, edits: [{ ...at, text: String(tenth) }] }] : [];
    reader.lowering.report.add("CTX6003", at, { warmup: warmupSteps, steps }, { fixes });
  }
  if (warmup > 0 && warmupSteps === 0) {
    const at = call?.arguments.get("warmup")?.at ?? reader.at("schedule");
    const fixes = [{ title: "warm up for 1 step", safety: "review" as const, edits: [{ ...at, text: "1" }] }];
    reader.lowering.report.add("CTX6009", at, { share: showRatio(warmup), steps }, { fixes });
  }
  return {
    kind: (call?.name as PlanSchedule["kind"] | undefined) ?? "constant",
    warmup_steps: warmupSteps,
    final: (call && numberArgument(call, "final")) ?? 1,
  };
}

/** `plain`, or PoSE with its bounds held against the stage. */
export function lowerPositions(reader: Reader, length: number, context: number, pointer: string): PlanPositions {
  const call = reader.call("positions");
  reader.trace("positions", `${pointer}/positions`);
  if (call?.name !== "pose") return { kind: "plain", chunks: 1 };
  const chunks = numberArgument(call, "chunks") ?? 2;
  const at = call.arguments.get("chunks")?.at ?? call.at;
  const { report } = reader.lowering;
  const fixes = [{ title: "2 chunks", safety: "review" as const, edits: [{ ...at, text: "2" }] }];
  if (chunks > length) {
    const values = {
      problem: `${chunks} chunks do not fit into a row of ${length}`,
      hint: "every chunk needs a token",
    };
    report.add("CTX6004", at, values, { fixes });
  } else if (chunks > 2 && chunks > length / 64) {
    const values = {
      problem: `${chunks} chunks leave ${Math.floor(length / chunks)} tokens each`,
      hint: "below 64 tokens a chunk teaches little about near tokens; the paper uses 2 chunks",
    };
    report.add("CTX6004", at, values, { severity: "warning", fixes });
  } else if (context === length) {
    const values = {
      problem: "no positions are skipped: context equals length",
      hint: "set context to the target length",
    };
    report.add("CTX6004", call.at, values);
  }
  return { kind: "pose", chunks };
}

function traceTrain(reader: Reader, pointer: string): void {
  const { trace } = reader.lowering;
  // A default stands nowhere in the recipe.
  const argument = (name: string, parameter: string, at: string) => {
    const place = reader.has(name) ? reader.call(name)?.arguments.get(parameter)?.at : null;
    trace.set(`${pointer}/train/${at}`, place ?? undefined);
  };
  reader.trace("optimizer", `${pointer}/train/optimizer`);
  argument("optimizer", "lr", "optimizer/lr");
  if (reader.call("method")?.name === "lora") reader.trace("method", `${pointer}/train/lora`);
  argument("method", "rank", "lora/rank");
  argument("method", "also", "lora/also");
  reader.trace("schedule", `${pointer}/train/schedule`);
  argument("schedule", "warmup", "schedule/warmup_steps");
  reader.trace("optimizer_state", `${pointer}/train/optimizer/state`);
  reader.trace("method", `${pointer}/train/method`);
  reader.trace("dtype", `${pointer}/train/dtype`);
  reader.trace("deterministic", `${pointer}/train/deterministic`);
  trace.set(`${pointer}/train`, reader.section?.at);
}

import type { Plan, PlanStage } from "../plan.ts";
import { showNumber, showTokens } from "../values/show.ts";
import { type Check, chain, replacing, steps } from "./context.ts";

/**
 * Learning rates that published extensions used, widened: 1e-6 (Mistral, YaRN) to 2.07e-4 (Olmo 3) for full training of
 * models of a billion parameters and more; small models and adapters take larger ones.
 */
function publishedRange(plan: Plan, method: "full" | "lora"): [number, number] {
  const { parameters } = plan.model;
  const high = parameters >= 1e9 ? 3e-4 : parameters >= 1e8 ? 2e-3 : 1e-2;
  return [parameters >= 1e9 ? 5e-7 : 1e-6, method === "lora" ? high * 10 : high];
}

export const learningRate: Check = ({ plan, trace, report }) => {
  for (const { stage, pointer } of steps(plan)) {
    const [low, high] = publishedRange(plan, stage.train.method);
    const { lr } = stage.train.optimizer;
    if (lr >= low && lr <= high) continue;
    report.add("CTX6001", trace.nearest(`${pointer}/train/optimizer/lr`), {
      lr: String(lr),
      method: stage.train.method === "lora" ? "LoRA" : "full",
      low: String(low),
      high: String(high),
    });
  }
};

/** A sudden rise of the learning rate between stages, without warmup. */
export const learningRateJump: Check = (context) => {
  const { trace, report } = context;
  for (const { stage, pointer, before } of chain(context)) {
    if (!before || stage.train.schedule.warmup_steps > 0 || stage.train.method !== before.train.method) continue;
    const times = stage.train.optimizer.lr / before.train.optimizer.lr;
    if (times <= 2) continue;
    report.add("CTX6007", trace.nearest(`${pointer}/train/optimizer/lr`), {
      times: showNumber(Number(times.toPrecision(3))),
      previous: before.name,
      stage: stage.name,
    });
  }
};

/** From which growth of the context LoRA needs trainable norms and embeddings (LongLoRA 2309.12307, table 2; 7B models). */
const loraReach = 4;

export const loraFrozenNorms: Check = ({ plan, trace, report }) => {
  if (plan.model.parameters < 1e9) return;
  for (const { stage, pointer } of steps(plan)) {
    const times = stage.context / plan.model.context;
    const also = stage.train.lora?.also;
    if (!also || times < loraReach || (also.includes("norm") && also.includes("embed_tokens"))) continue;
    report.add("CTX6002", trace.nearest(`${pointer}/train/lora/also`), {
      times: showNumber(Number(times.toPrecision(3))),
    });
  }
};

/** Moments of the stage before belong to the parameters that it trained. */
export const carriedMoments: Check = (context) => {
  const { trace, report } = context;
  for (const { stage, pointer, before } of chain(context)) {
    if (!before || stage.train.optimizer.state !== "carry" || trained(stage) === trained(before)) continue;
    const place = trace.exact(`${pointer}/train/optimizer/state`);
    report.add(
      "CTX6006",
      trace.nearest(`${pointer}/train/optimizer/state`),
      { stage: stage.name, previous: before.name },
      { fixes: replacing(place, "optimizer_state = reset", "reset", "safe") },
    );
  }
};

/** What a stage trains, as one comparable word. */
function trained({ train }: PlanStage): string {
  const { lora } = train;
  return lora ? `lora ${lora.rank} ${[...lora.targets].sort()} ${[...lora.also].sort()}` : "full";
}

/** Times that each distance of the context should be met. PoSE's own smallest run: 1016; tiny models learn from 40. */
const leastMeetings = 10;

/** P(a row meets a given distance) ≈ length / (context - length + 1) (PoSE 2309.10400, two chunks). */
export const poseCoverage: Check = ({ plan, trace, report }) => {
  for (const { stage, pointer } of steps(plan)) {
    if (stage.positions.kind !== "pose") continue;
    const rows = stage.steps * stage.sequences;
    const times = (rows * stage.length) / (stage.context - stage.length + 1);
    if (times >= leastMeetings) continue;
    report.add("CTX6005", trace.nearest(`${pointer}/positions`), {
      rows,
      length: showTokens(stage.length),
      context: showTokens(stage.context),
      times: showNumber(Number(times.toPrecision(2))),
    });
  }
};

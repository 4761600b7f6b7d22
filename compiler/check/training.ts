import type { Fix } from "../diagnostics/diagnostic.ts";
import type { PlanDraft } from "../lower/plan.ts";
import type { Trace } from "../lower/trace.ts";
import type { PlanStage } from "../plan.ts";
import { showNumber } from "../values/show.ts";
import { type Check, chain, replacing, steps } from "./context.ts";
import { restartsHot, warmupFix } from "./restart.ts";

/**
 * Learning rates that published extensions used, widened: 1e-6 (Mistral, YaRN) to 2.07e-4 (Olmo 3) for full training of
 * models of a billion parameters and more; small models and adapters take larger ones.
 */
export function publishedRange(plan: PlanDraft, method: "full" | "lora"): [number, number] {
  const { parameters } = plan.model;
  const high = parameters >= 1e9 ? 3e-4 : parameters >= 1e8 ? 2e-3 : 1e-2;
  return [parameters >= 1e9 ? 5e-7 : 1e-6, method === "lora" ? Number((high * 10).toPrecision(1)) : high];
}

export const learningRate: Check = ({ plan, trace, report }) => {
  for (const { stage, pointer } of steps(plan)) {
    const [low, high] = publishedRange(plan, stage.train.method);
    const { lr } = stage.train.optimizer;
    if (lr >= low && lr <= high) continue;
    const at = `${pointer}/train/optimizer/lr`;
    const bound = meantRate(lr, low, high) ?? (lr < low ? low : high);
    const values = {
      lr: String(lr),
      method: stage.train.method === "lora" ? "LoRA" : "full",
      low: String(low),
      high: String(high),
    };
    report.add("CTX6001", trace.nearest(at), values, {
      // AdamW moves a weight by about lr a step: from 1 on nothing of the model is left after the first.
      ...(lr >= 1 && { severity: "error" as const }),
      fixes: replacing(trace.exact(at), `lr: ${rate(bound)}`, rate(bound)),
    });
  }
};

/** A learning rate as recipes write it: 2e-5. */
function rate(value: number): string {
  return value < 1e-3 ? value.toExponential() : String(value);
}

/** `2e5` for `2e-5`: the rate with the sign of its exponent turned, where that is a usual one. */
function meantRate(lr: number, low: number, high: number): number | undefined {
  const turned = Number(lr.toExponential().replace("e+", "e-"));
  return lr >= 10 && turned >= low && turned <= high ? turned : undefined;
}

/** A sudden rise of the learning rate between stages, without warmup. */
export const learningRateJump: Check = (context) => {
  const { plan, trace, report } = context;
  for (const { stage, pointer, before } of chain(context)) {
    if (!before || stage.train.schedule.warmup_steps > 0 || stage.train.method !== before.train.method) continue;
    if (restartsHot(plan, stage)) continue; // said by restartWithoutWarmup
    const times = stage.train.optimizer.lr / before.train.optimizer.lr;
    if (times <= 2) continue;
    const values = {
      times: showNumber(Number(times.toPrecision(3))),
      previous: before.name,
      stage: stage.name,
    };
    const at = trace.nearest(`${pointer}/train/optimizer/lr`);
    report.add("CTX6007", at, values, { fixes: warmupFix(trace, stage, pointer) });
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
    const values = { times: showNumber(Number(times.toPrecision(3))) };
    report.add("CTX6002", trace.nearest(`${pointer}/train/lora/also`), values, {
      fixes: alsoFix(trace, stage, pointer),
    });
  }
};

/** Adds embeddings and norms to what an adapter trains: to its list, behind its rank, or to the bare word. */
function alsoFix(trace: Trace, { train }: PlanStage, pointer: string): Fix[] {
  const list = [...new Set([...(train.lora?.also ?? []), "embed_tokens", "norm"])].join(", ");
  const title = `also: [${list}]`;
  const written = trace.exact(`${pointer}/train/lora/also`);
  if (written) return replacing(written, title, `[${list}]`);
  const rank = trace.exact(`${pointer}/train/lora/rank`);
  if (rank) return replacing({ ...rank, start: rank.end }, title, `, ${title}`);
  const method = trace.exact(`${pointer}/train/lora`);
  const isBare = method && method.end - method.start === "lora".length;
  return isBare ? replacing(method, title, `lora(${title})`) : [];
}

/** Moments of the stage before belong to the parameters that it trained. */
export const carriedMoments: Check = (context) => {
  const { trace, report } = context;
  for (const { stage, pointer, before } of chain(context)) {
    if (!before || stage.train.optimizer.state !== "carry" || trainTheSame(stage, before)) continue;
    const place = trace.exact(`${pointer}/train/optimizer/state`);
    report.add(
      "CTX6006",
      trace.nearest(`${pointer}/train/optimizer/state`),
      { stage: stage.name, previous: before.name },
      { fixes: replacing(place, "optimizer_state = reset", "reset", "safe") },
    );
  }
};

/** Whether two stages train the same parameters. */
function trainTheSame({ train: { lora } }: PlanStage, { train: { lora: other } }: PlanStage): boolean {
  if (!lora || !other) return lora === other;
  const same = (a: readonly string[], b: readonly string[]) =>
    a.length === b.length && a.every((name) => b.includes(name)); // each stands once
  return lora.rank === other.rank && same(lora.targets, other.targets) && same(lora.also, other.also);
}

import type { Fix } from "../diagnostics/diagnostic.ts";
import type { Trace } from "../lower/trace.ts";
import type { PlanRope, PlanStage } from "../plan.ts";
import { showNumber, showTokens, writtenTokens } from "../values/show.ts";
import { type Check, replacing, steps } from "./context.ts";

/** Relative slack between a factor and the ratio of lengths that it is for. */
const slack = 1e-9;

/**
 * The factor of a scaling method against the ratio of the stage's context to the trained length. One rounded up is published (LongLoRA: 25 for
 * 100,000 tokens from 4K).
 */
export const scalingFactor: Check = ({ plan, trace, report }) => {
  for (const { stage, pointer } of steps(plan)) {
    const { factor, original } = scaling(stage.rope, plan.model.context);
    if (factor === undefined || stage.context <= original || !isWritten(trace, pointer, plan.model.rope)) continue;
    const scale = stage.context / original;
    const place = trace.exact(`${pointer}/rope/parameters/factor`);
    const values = {
      factor: showNumber(factor),
      original: showTokens(original),
      reach: showTokens(Math.round(factor * original)),
      length: showTokens(stage.context),
      scale: showNumber(scale),
    };
    const fixes = replacing(place, `factor: ${showNumber(scale)}`, String(scale));
    const at = place ?? trace.nearest(`${pointer}/rope/method`);
    if (factor < scale * (1 - slack)) report.add("CTX3005", at, values, { fixes });
    else if (factor > Math.ceil(scale) * (1 + slack) && isLast(plan.stages.length, pointer)) {
      report.add("CTX3006", at, values, { fixes: [...saying(trace, pointer, factor * original), ...fixes] });
    }
  }
};

/** A stage whose factor reaches further than its rows may be meant to (YaRN: 128K by rows of 64K), and says so by its context. */
function saying(trace: Trace, pointer: string, reach: number): Fix[] {
  const context = writtenTokens(Math.floor(reach));
  const written = trace.exact(`${pointer}/context`);
  if (written) return replacing(written, `context = ${context}`, context);
  const length = trace.exact(`${pointer}/name`) && trace.exact(`${pointer}/length`);
  const end = length && { ...length, start: length.end };
  return replacing(end, `context = ${context}`, `  context = ${context}`);
}

/** Only the last stage's factor is held against its length: earlier ones may prepare for what comes. */
export function isLast(count: number, pointer: string): boolean {
  return pointer === `/stages/${count - 1}`;
}

/**
 * Whether a stage's table is the recipe's own. One kept from the base model is as it is; one that replaces a scaled base
 * without saying what it starts from has its own diagnostic.
 */
export function isWritten(trace: Trace, pointer: string, base: PlanRope): boolean {
  const own = trace.exact(`${pointer}/rope`) !== undefined;
  return own && (base.method === "default" || trace.exact(`${pointer}/rope/original`) !== undefined);
}

/** Whether a stage replaces a scaled base model's table without saying what the new one starts from: CTX3004. */
export function startsUnsaid(trace: Trace, pointer: string, base: PlanRope): boolean {
  return trace.exact(`${pointer}/rope`) !== undefined && !isWritten(trace, pointer, base);
}

/** Whether a scaling method's factor stretches the trained length to less than the stage's context. */
export function fallsShort({ rope, context }: PlanStage, trained: number): boolean {
  const { factor, original } = scaling(rope, trained);
  return factor !== undefined && factor * original < context * (1 - slack);
}

/** Whether a scaling method's factor stretches the trained length beyond the stage's context. */
export function reachesTooFar({ rope, context }: PlanStage, trained: number): boolean {
  const { factor, original } = scaling(rope, trained);
  return factor !== undefined && factor * original > context * (1 + slack);
}

/**
 * The factor that a method stretches the length by. That of llama3 is no ratio of lengths: it was found by search, and
 * Llama 3.1 reads 128K with a factor of 8 from 8K.
 */
function scaling(rope: PlanRope, context: number): { factor: number | undefined; original: number } {
  const { parameters } = rope;
  const methods = ["linear", "yarn", "longrope"];
  const factor = methods.includes(rope.method) ? parameters?.factor : undefined;
  const original = parameters?.original_max_position_embeddings;
  return {
    factor: typeof factor === "number" ? factor : undefined,
    original: typeof original === "number" ? original : context,
  };
}

import type { PlanModel } from "../plan.ts";
import { isCall, numberArgument, type TypedCall } from "../types/typed.ts";
import type { Reader } from "./reader.ts";

const table = ["theta", "method", "frequency"] as const;

/** Whether the block makes a table of its own; the other properties only say more about it. */
export function makesTable(reader: Reader): boolean {
  return table.some((name) => reader.has(name));
}

/**
 * Notes which of the block's settings change the stage's table.
 *
 * @param usesPrevious whether a formula asked for the stage before
 */
export function noteEffects(reader: Reader, model: PlanModel, usesPrevious: boolean): void {
  const { idle } = reader.lowering;
  const alone = makesTable(reader) ? undefined : "it goes with theta, method or frequency, and none of them is set";
  idle.note("attention", reader.exact("attention"), attentionIdle(reader));
  idle.note("original", reader.exact("original"), alone ?? originalIdle(reader, model));
  const unused = usesPrevious ? undefined : "no formula of this block asks for the stage before";
  idle.note("previous", reader.exact("previous"), alone ?? unused);
  const call = reader.call("method");
  if (call) noteMscale(innermost(call), reader);
}

/** `resonance(yarn())` → `yarn()`. */
function innermost(call: TypedCall): TypedCall {
  const inner = call.name === "resonance" ? call.arguments.get("of")?.value : undefined;
  return isCall(inner) ? innermost(inner) : call;
}

function attentionIdle(reader: Reader): string | undefined {
  if (reader.has("frequency")) return undefined;
  const call = reader.call("method");
  const method = call && innermost(call);
  const own = method?.definition.parameters.some(({ name }) => name === "attention_factor");
  return own ? `it goes with frequency; write ${method?.name}(attention_factor: …)` : "it goes with frequency";
}

/** A base that is scaled already starts anew from the length that `original` says, whatever the method. */
function originalIdle(reader: Reader, model: PlanModel): string | undefined {
  if (model.rope.method !== "default" || reader.has("frequency")) return undefined;
  const call = reader.call("method");
  const method = call && innermost(call);
  if (!method || method.name === "none") return "theta alone does not start from the trained length";
  if (method.name === "proportional") return "proportional does not start from the trained length";
  if (method.name === "linear" && numberArgument(method, "factor") !== undefined) {
    return "linear with a factor does not start from the trained length";
  }
  return undefined;
}

/** transformers takes DeepSeek's two temperatures together, and only where no attention factor is given. */
function noteMscale(call: TypedCall, reader: Reader): void {
  const at = (name: string) => call.arguments.get(name)?.at ?? undefined;
  const overridden = at("attention_factor") && "attention_factor is given, which decides alone";
  const pair = [
    ["mscale", "mscale_all_dim"],
    ["mscale_all_dim", "mscale"],
  ] as const;
  for (const [name, other] of pair) {
    const hint = overridden ?? (at(other) ? undefined : `it counts only together with ${other}`);
    reader.lowering.idle.note(name, at(name), hint);
  }
}

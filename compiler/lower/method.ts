import type { RopeSpec } from "../rope/index.ts";
import { isCall, numberArgument, numbersArgument, type TypedCall } from "../types/typed.ts";
import type { Reader } from "./reader.ts";

/** What a method's table depends on besides its arguments. */
interface MethodGround {
  readonly theta: number;
  /** Trained length that the method scales from. */
  readonly original: number;
  readonly d: number;
  /** Context of the stage. */
  readonly length: number;
  /** JSON pointer of the stage. */
  readonly pointer: string;
}

/** `method = yarn(factor: scale)` as the compiler's RoPE knows it. Undefined when an argument does not fit the model. */
export function methodSpec(reader: Reader, ground: MethodGround): RopeSpec | undefined {
  const call = reader.call("method");
  if (!call) return undefined;
  if (call.name !== "resonance") return plainSpec(call, reader, ground);
  const inner = call.arguments.get("of")?.value;
  if (isCall(inner) && inner.name === "resonance") {
    refuseNesting(inner, reader);
    return undefined;
  }
  const of = isCall(inner) ? plainSpec(inner, reader, ground) : undefined;
  return of && of.method !== "resonance"
    ? { method: "resonance", of, original: ground.original, length: ground.length }
    : undefined;
}

/** Wavelengths that are whole already can't be rounded again. */
function refuseNesting(inner: TypedCall, { lowering }: Reader): void {
  const methods = Object.values(lowering.language.functions.method ?? {});
  const choices = methods.filter(({ name, status }) => status === "ready" && name !== "resonance");
  const values = { value: "resonance", name: "of", choices: choices.map(({ name }) => name).join(", ") };
  const of = inner.arguments.get("of")?.at;
  const text = of ? lowering.source(of) : "none";
  const fix = { title: `${text} instead of resonance(…)`, safety: "safe" as const, edits: [{ ...inner.at, text }] };
  lowering.report.add("CTX2006", inner.at, values, { fixes: [fix] });
}

function plainSpec(call: TypedCall, reader: Reader, ground: MethodGround): RopeSpec | undefined {
  const { theta, d, original, length, pointer } = ground;
  const { trace } = reader.lowering;
  trace.set(`${pointer}/rope/parameters/factor`, call.arguments.get("factor")?.at ?? undefined);
  const attention = call.arguments.get("attention_factor")?.at;
  if (attention) trace.set(`${pointer}/rope/attention_factor`, attention);
  for (const [name, parameter] of [
    ["mscale", "mscale"],
    ["partial", "partial_rotary_factor"],
  ] as const) {
    trace.set(`${pointer}/rope/parameters/${parameter}`, call.arguments.get(name)?.at ?? undefined);
  }
  const factor = numberArgument(call, "factor") ?? defaultFactor(call, reader, length / original);
  switch (call.name) {
    case "none":
      return { method: "default", theta, d };
    case "linear":
      return { method: "linear", theta, d, factor };
    case "dynamic":
      return { method: "dynamic", theta, d, factor, original, length };
    case "yarn":
      return {
        method: "yarn",
        theta,
        d,
        factor,
        original,
        ...written(call, {
          betaFast: "beta_fast",
          betaSlow: "beta_slow",
          attentionFactor: "attention_factor",
          mscale: "mscale",
          mscaleAllDim: "mscale_all_dim",
        }),
        ...(call.arguments.get("truncate")?.value === false && { truncate: false }),
      };
    case "llama3":
      return {
        method: "llama3",
        theta,
        d,
        factor,
        original,
        ...written(call, { lowFreqFactor: "low_freq_factor", highFreqFactor: "high_freq_factor" }),
      };
    case "longrope":
      return longrope(call, reader, ground, factor);
    case "proportional":
      return { method: "proportional", theta, d, partial: numberArgument(call, "partial") ?? 1, factor };
    default:
      return undefined;
  }
}

/** A method that is given no factor stretches the trained length just as far as the stage needs. */
function defaultFactor(call: TypedCall, reader: Reader, scale: number): number {
  if (call.definition.parameters.some(({ name }) => name === "factor")) {
    reader.note("method.factor", "context / original, at least 1", `the default of ${call.name}`);
  }
  return Math.max(1, scale);
}

function longrope(call: TypedCall, reader: Reader, ground: MethodGround, factor: number): RopeSpec | undefined {
  const { theta, d, original, length, pointer } = ground;
  const lists: { longFactor: number[]; shortFactor?: number[] } = { longFactor: [] };
  for (const [name, key] of [
    ["long_factor", "longFactor"],
    ["short_factor", "shortFactor"],
  ] as const) {
    const list = numbersArgument(call, name);
    const at = call.arguments.get(name)?.at ?? call.at;
    reader.lowering.trace.set(`${pointer}/rope/parameters/${name}`, at);
    if (!list) continue;
    if (list.length !== d / 2) {
      reader.lowering.report.add("CTX3012", at, { name, given: list.length, pairs: d / 2 });
      return undefined;
    }
    lists[key] = list;
  }
  return {
    method: "longrope",
    theta,
    d,
    factor,
    original,
    length,
    ...lists,
    ...written(call, { attentionFactor: "attention_factor" }),
  };
}

/** The arguments that the recipe gives itself: a default left out keeps the Hugging Face form short. */
function written<Keys extends string>(call: TypedCall, names: Record<Keys, string>): { [key in Keys]?: number } {
  const given: { [key in Keys]?: number } = {};
  for (const [key, name] of Object.entries(names) as [Keys, string][]) {
    const value = call.arguments.get(name)?.at ? numberArgument(call, name) : undefined;
    if (value !== undefined) given[key] = value;
  }
  return given;
}

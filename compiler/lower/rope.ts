import type { Place } from "../diagnostics/diagnostic.ts";
import { evaluate, wrongType } from "../evaluate/evaluate.ts";
import { Scope } from "../evaluate/scope.ts";
import { plainContext } from "../model/index.ts";
import type { Setting } from "../names/section.ts";
import type { PlanModel, PlanRope } from "../plan.ts";
import { type RopeSpec, ropeTable } from "../rope/index.ts";
import { showNumber, showTokens } from "../values/show.ts";
import { number } from "../values/value.ts";
import type { Lowering } from "./lowering.ts";
import { methodSpec } from "./method.ts";
import type { Reader } from "./reader.ts";
import { makesTable, noteEffects } from "./rope_effect.ts";
import { explainScaleBelowOne } from "./scale_below_one.ts";

export interface RopeStage {
  readonly model: PlanModel;
  /** Tokens that the stage makes the model for. */
  readonly context: number;
  /** JSON pointer of the stage. */
  readonly pointer: string;
  /** Whether a formula has asked for the stage before, so far. */
  readonly usesPrevious: () => boolean;
}

/**
 * The stage's frequency table, evaluated in float64. Undefined when a formula has no value or no table can be made; that
 * has been reported. A recipe that says nothing about RoPE keeps the table of the stage before (or the base model).
 *
 * @param reader the rope block, with the stage's own settings over the top level's
 */
export function lowerRope(reader: Reader, stage: RopeStage, before: PlanRope): PlanRope | undefined {
  if (!reader.section) return before;
  if (!makesTable(reader)) {
    noteEffects(reader, stage.model, false);
    return before;
  }
  traceRope(reader, stage.pointer);
  refuseDoubleScaling(reader, stage.model);
  explainScaleBelowOne(reader, stage);
  const theta = reader.number("theta");
  const original = reader.number("original");
  if (theta === undefined || original === undefined) return undefined;
  const spec = reader.has("frequency")
    ? customSpec(reader, stage, theta, original)
    : methodSpec(reader, { theta, original, d: stage.model.head_dim, length: stage.context, pointer: stage.pointer });
  if (!spec) return undefined;
  noteEffects(reader, stage.model, stage.usesPrevious());
  try {
    return tableOf(spec, formulaText(reader), reader.lowering);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const name = reader.has("frequency") ? "frequency" : reader.has("method") ? "method" : "theta";
    reader.lowering.report.add("CTX3013", reader.at(name), { problem: error.message });
    return undefined;
  }
}

/** Stages of one length mostly have one table by one formula, which is worked out once. */
function tableOf(spec: RopeSpec, formula: string, { tables }: Lowering): PlanRope {
  const key = `${JSON.stringify(spec)} ${formula}`;
  const known = tables.get(key);
  if (known) return known;
  const table = { ...ropeTable(spec), formula };
  tables.set(key, table);
  return table;
}

/** A base model that is scaled already: a new table is only meant if the recipe says what it starts from. */
function refuseDoubleScaling(reader: Reader, model: PlanModel): void {
  const { method, parameters } = model.rope;
  const original = showTokens(plainContext(model));
  if (method === "default" || reader.has("original")) return;
  const factor = parameters?.factor;
  const base = typeof factor === "number" ? `${method}(factor: ${showNumber(factor)})` : method;
  const name = ["theta", "method", "frequency"].find((candidate) => reader.has(candidate)) ?? "theta";
  const at = reader.at(name);
  const insert: Place = { file: at.file, start: at.end, end: at.end };
  const fix = {
    title: `original = ${original}`,
    safety: "review" as const,
    edits: [{ ...insert, text: `  original = ${original}` }],
  };
  reader.lowering.report.add("CTX3004", at, { base, original }, { fixes: [fix] });
}

/** `frequency = <expression in i>` for every pair. */
function customSpec(reader: Reader, stage: RopeStage, theta: number, original: number): RopeSpec | undefined {
  const setting = reader.setting("frequency");
  const attentionFactor = reader.number("attention");
  if (!setting || attentionFactor === undefined) return undefined;
  const scope = new Scope(setting.file, reader.scope.report, reader.scope);
  const frequencies: number[] = [];
  const pairs = stage.model.head_dim / 2;
  noteEnds(setting, scope, pairs - 1, reader);
  for (let i = 0; i < pairs; i++) {
    scope.define("i", number(i));
    const value = evaluate(setting.value, scope);
    if (!value) return undefined;
    if (value.kind !== "number") {
      wrongType(setting.value, value, "frequency", "a number", scope);
      return undefined;
    }
    if (!(value.value >= 0 && value.value <= Math.PI)) {
      scope.report.add("CTX3011", reader.at("frequency"), { pair: i, value: showNumber(value.value) });
      return undefined;
    }
    frequencies.push(value.value);
  }
  const { head_dim: d } = stage.model;
  return { method: "custom", theta, d, frequencies, attentionFactor, original, length: stage.context };
}

/** Of the values of `frequency`, those of the fastest and of the slowest pair are for showing. */
function noteEnds({ value }: Setting, scope: Scope, last: number, { lowering }: Reader): void {
  for (const pair of new Set([0, last])) {
    const within = scope.reportingTo(scope.report);
    within.define("i", number(pair));
    lowering.workings.note(value, within, pair);
  }
}

/** What the recipe wrote, on one line: `theta = critical_base(length)`. */
function formulaText(reader: Reader): string {
  return ["theta", "method", "frequency", "attention", "original"]
    .filter((name) => reader.has(name))
    .map((name) => `${name} = ${reader.lowering.source(reader.at(name))}`)
    .join(", ");
}

function traceRope(reader: Reader, pointer: string): void {
  for (const name of ["theta", "method", "frequency", "previous", "original"])
    reader.trace(name, `${pointer}/rope/${name}`);
  reader.trace("attention", `${pointer}/rope/attention_factor`);
  reader.lowering.trace.set(`${pointer}/rope`, reader.section?.at);
}

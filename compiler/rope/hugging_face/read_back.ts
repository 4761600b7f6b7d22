import type { PlanRope } from "../../plan.ts";
import { longRopeAttentionFactor } from "../longrope.ts";
import type { RopeSpec } from "../spec.ts";
import { ropeTable } from "../table.ts";
import type { Consumer, JsonObject } from "./config.ts";
import { standardize } from "./standardize.ts";
import { toSpec } from "./to_spec.ts";

/** The table a library would make of a config for a sequence of `length` tokens, or why it makes none. */
export type ReadBack = { rope: PlanRope; refused: null } | { rope: null; refused: string };

/**
 * Computes the frequency table as transformers 4 (4.57), transformers 5 (5.18) or vLLM (`get_rope`, 2025) would from a
 * config.json, in float64.
 *
 * @param length longest sequence of the forward pass; decides `dynamic` and `longrope`
 */
export function readBack(config: JsonObject, headDim: number, consumer: Consumer, length: number): ReadBack {
  const maxPosition = Number(config.max_position_embeddings);
  const rope = standardize(config, consumer);
  if (consumer === "transformers 4") {
    if (rope.type === "proportional") {
      return { rope: null, refused: 'transformers 4 has no RoPE type "proportional".' };
    }
    if (rope.type === "llama3" && rope.originalAssumed) {
      return { rope: null, refused: "transformers 4 stops without original_max_position_embeddings for llama3." };
    }
  }
  const { spec: read, findings } = toSpec(rope, headDim, maxPosition, length);
  const spec = read && consumer === "vLLM" ? asVllm(read, rope.values, maxPosition) : read;
  if (!spec) return { rope: null, refused: findings.find((f) => f.severity === "error")!.message };
  try {
    return { rope: ropeTable(spec), refused: null };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { rope: null, refused: error.message };
  }
}

/**
 * vLLM takes LongRoPE's attention factor from keys of its own, else from max_position / original; `attention_factor` it does
 * not know there. A model whose length exceeds the original one is served with the long factors throughout.
 */
function asVllm(spec: RopeSpec, values: JsonObject, maxPosition: number): RopeSpec {
  if (spec.method !== "longrope") return spec;
  const long = maxPosition > spec.original;
  const own = long ? values.long_mscale : values.short_mscale;
  const attentionFactor =
    typeof own === "number" ? own : longRopeAttentionFactor(maxPosition / spec.original, spec.original);
  return { ...spec, attentionFactor, length: long ? Math.max(spec.length, spec.original + 1) : spec.length };
}

/**
 * The longest sequence that vLLM serves a model for unless it is told otherwise (`_get_and_verify_max_len`): for types
 * other than llama3 and longrope the factor times max_position_embeddings, of YaRN times the original length.
 */
export function servedByVllm(config: JsonObject): number {
  const maxPosition = Number(config.max_position_embeddings);
  const { type, values, original } = standardize(config, "vLLM");
  const factor = typeof values.factor === "number" ? values.factor : 1;
  if (type === "llama3" || type === "longrope") return maxPosition;
  return (type === "yarn" && typeof original === "number" ? original : maxPosition) * factor;
}

export interface ExportProof {
  consumer: Consumer;
  /** Largest relative difference of a frequency or of the attention factor from the plan's; 0 is exact. */
  difference: number;
  /** Why this library makes no table at all; null when it does. */
  refused: string | null;
}

/**
 * Holds an exported config against the table the model was trained with, as every consumer reads it, up
 * to `context` tokens. A difference below 1e-12 is float64 rounding.
 */
export function proveExport(config: JsonObject, headDim: number, trained: PlanRope, context: number): ExportProof[] {
  const consumers: Consumer[] = ["transformers 5", "transformers 4", "vLLM"];
  return consumers.map((consumer) => {
    const { rope, refused } = readBack(config, headDim, consumer, context);
    return { consumer, difference: rope ? tableDifference(rope, trained) : Number.POSITIVE_INFINITY, refused };
  });
}

/** Largest relative difference between two tables, attention factors included. */
export function tableDifference(a: PlanRope, b: PlanRope): number {
  if (a.inv_freq.length !== b.inv_freq.length) return Number.POSITIVE_INFINITY;
  const pairs = [...a.inv_freq.map((x, i) => [x, b.inv_freq[i]!] as const), [a.attention_factor, b.attention_factor]];
  return Math.max(...pairs.map(([x, y]) => (x === y ? 0 : Math.abs(x! - y!) / Math.abs(y!))));
}

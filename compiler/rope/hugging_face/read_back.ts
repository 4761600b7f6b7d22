import type { PlanRope } from "../../plan.ts";
import { ropeTable } from "../table.ts";
import type { Consumer, JsonObject } from "./config.ts";
import { standardize } from "./standardize.ts";
import { toSpec } from "./to_spec.ts";

/** The table a library would make of a config for a sequence of `length` tokens, or why it makes none. */
export type ReadBack = { rope: PlanRope; refused: null } | { rope: null; refused: string };

/**
 * Computes the frequency table as transformers 4 (4.57) or 5 (5.18) would from a config.json, in float64.
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
  const { spec, findings } = toSpec(rope, headDim, maxPosition, length);
  if (!spec) return { rope: null, refused: findings.find((f) => f.severity === "error")!.message };
  try {
    return { rope: ropeTable(spec), refused: null };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { rope: null, refused: error.message };
  }
}

export interface ExportProof {
  consumer: Consumer;
  /** Largest relative difference of a frequency or of the attention factor from the plan's; 0 is exact. */
  difference: number;
  /** Why this library makes no table at all; null when it does. */
  refused: string | null;
}

/**
 * Holds an exported config against the table the model was trained with, as both versions of transformers read it, up
 * to `context` tokens. A difference below 1e-12 is float64 rounding.
 */
export function proveExport(config: JsonObject, headDim: number, trained: PlanRope, context: number): ExportProof[] {
  const consumers: Consumer[] = ["transformers 5", "transformers 4"];
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

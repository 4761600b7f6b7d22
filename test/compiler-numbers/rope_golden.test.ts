import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type JsonObject, readBack, readHuggingFaceRope, tableDifference } from "../../compiler/rope/index.ts";

interface Case {
  name: string;
  head_dim: number;
  max_position_embeddings: number;
  rope_parameters: JsonObject;
  /** Last position of the forward pass that made the table; null: the table at construction. */
  forward_at: number | null;
  attention_scaling_ref: number;
  attention_scaling_hf: number;
  inv_freq_ref: number[];
  inv_freq_hf: number[];
}

const golden: { cases: Case[] } = JSON.parse(
  readFileSync(new URL("../golden/rope_golden.json", import.meta.url), "utf8"),
);

const relative = (got: number, want: number) => (got === want ? 0 : Math.abs(got - want) / Math.abs(want));
const worst = (got: readonly number[], want: readonly number[]) =>
  Math.max(...want.map((value, i) => relative(got[i]!, value)));

/** Length of the sequence the golden table belongs to; longrope's table at construction is the short one. */
function lengthOf(entry: Case): number {
  if (entry.forward_at !== null) return entry.forward_at + 1;
  return entry.rope_parameters.rope_type === "longrope" ? 1 : entry.max_position_embeddings;
}

describe("frequency tables against a 50-digit reference and against transformers 5.18", () => {
  test.each(golden.cases)("$name", (entry) => {
    const config = { rope_parameters: entry.rope_parameters, max_position_embeddings: entry.max_position_embeddings };
    const length = lengthOf(entry);
    const { rope } = readHuggingFaceRope(config, entry.head_dim, entry.max_position_embeddings, length);
    expect(rope).not.toBeNull();
    const type = entry.rope_parameters.rope_type;
    expect(worst(rope!.inv_freq, entry.inv_freq_ref)).toBeLessThan(1e-12);
    expect(relative(rope!.attention_factor, entry.attention_scaling_ref)).toBeLessThan(1e-15);
    expect(worst(rope!.inv_freq, entry.inv_freq_hf)).toBeLessThan(type === "yarn" || type === "llama3" ? 6e-7 : 2.5e-7);
    expect(relative(rope!.attention_factor, entry.attention_scaling_hf)).toBeLessThan(1e-15);

    const back = readBack(config, entry.head_dim, "transformers 5", length);
    expect(tableDifference(back.rope!, rope!)).toBe(0);
  });
});

import type { JsonObject } from "./config.ts";
import { finding, type RopeFinding } from "./findings.ts";
import type { StandardRope } from "./standardize.ts";

/** Values that are legal to transformers and hardly ever meant. */
export function* values(config: JsonObject, rope: StandardRope, maxPosition: number): Iterable<RopeFinding> {
  const { type, where, values: v } = rope;
  const factor = v.factor;
  if (typeof factor === "number" && factor < 1) {
    yield finding(
      "warning",
      "factor-below-one",
      `${where}.factor`,
      `factor = ${factor} speeds RoPE up; 1 or more is meant.`,
    );
  }
  if (type === "dynamic" && factor !== undefined) {
    const message = `"dynamic" gives each sequence beyond ${maxPosition} tokens a table of its own.`;
    yield finding("warning", "dynamic-frozen", `${where}.rope_type`, message);
  }
  if (type !== "yarn" && type !== "llama3" && type !== "longrope") return;
  const key = `${where}.original_max_position_embeddings`;
  if (rope.originalAssumed) {
    const message = `"${type}" without original_max_position_embeddings: transformers takes max_position_embeddings = ${maxPosition} for the trained length.`;
    yield finding("error", "original-missing", key, message);
  } else if (typeof rope.original === "number") {
    const implied = maxPosition / rope.original;
    if (type === "yarn" && typeof factor === "number" && Math.abs(factor - implied) > 1e-9 * factor) {
      const message = `factor is ${factor}, but max_position_embeddings / original_max_position_embeddings is ${implied}; the explicit factor counts.`;
      yield finding("warning", "factor-mismatch", `${where}.factor`, message);
    }
    if (type === "llama3" && rope.original >= maxPosition) {
      const message = `original_max_position_embeddings = ${rope.original} is not below max_position_embeddings = ${maxPosition}.`;
      yield finding("warning", "original-not-shorter", key, message);
    }
  }
  if (type === "longrope" && !rope.originalAssumed && config.original_max_position_embeddings === undefined) {
    const message = `transformers 4 takes longrope's trained length only from a top-level original_max_position_embeddings; without it it uses the short factors up to ${maxPosition} tokens.`;
    yield finding("warning", "original-unseen", key, message);
  }
  if (type === "yarn" && Boolean(v.mscale) !== Boolean(v.mscale_all_dim)) {
    const only = v.mscale ? "mscale" : "mscale_all_dim";
    yield finding(
      "warning",
      "mscale-ignored",
      `${where}.${only}`,
      "mscale counts only together with mscale_all_dim; alone it is ignored.",
    );
  }
  const low = v.low_freq_factor;
  const high = v.high_freq_factor;
  if (type === "llama3" && typeof low === "number" && typeof high === "number" && high <= low) {
    const message = `high_freq_factor = ${high} is not above low_freq_factor = ${low}: nothing is blended.`;
    yield finding("warning", "blend-order", `${where}.high_freq_factor`, message);
  }
}

import type { PlanRope } from "../../plan.ts";
import { ropeTable } from "../table.ts";
import type { JsonObject } from "./config.ts";
import { finding, type RopeFinding } from "./findings.ts";
import { precedence } from "./precedence.ts";
import { standardize } from "./standardize.ts";
import { toSpec } from "./to_spec.ts";
import { values } from "./values.ts";

export interface RopeReading {
  /** The table that transformers 5 makes of the config; null when it can make none. */
  rope: PlanRope | null;
  findings: RopeFinding[];
}

/**
 * Reads the RoPE of a config.json in the old style (`rope_theta` + `rope_scaling`, also with `type`) or the new one
 * (`rope_parameters`), and reports every point where transformers would silently do something else than was written.
 *
 * @param config the parsed config.json
 * @param headDim head_dim
 * @param maxPosition `max_position_embeddings`
 * @param length sequence length the table is for; `dynamic` and `longrope` depend on it
 */
export function readHuggingFaceRope(
  config: JsonObject,
  headDim: number,
  maxPosition: number,
  length = maxPosition,
): RopeReading {
  const rope = standardize(config, "transformers 5");
  const findings = [...precedence(config, rope)];
  if (findings.some((f) => f.severity === "error" && f.kind === "nested-parameters")) return { rope: null, findings };
  const { spec, findings: more } = toSpec(rope, headDim, maxPosition, length);
  findings.push(...more, ...values(config, rope, maxPosition));
  if (!spec || findings.some((f) => f.kind === "partial-rotary")) return { rope: null, findings };
  try {
    return { rope: ropeTable(spec), findings };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    findings.push(finding("error", "malformed", rope.where || "rope_theta", `${error.message}.`));
    return { rope: null, findings };
  }
}

import type { PlanRope } from "../../plan.ts";
import { longRopeAttentionFactor } from "../longrope.ts";
import type { RopeParameters } from "../parameters.ts";

/** The RoPE keys of an exported config.json: the old style and the new one, saying the same. */
export interface HuggingFaceRope {
  max_position_embeddings: number;
  /** Read by transformers 4 (always) and by vLLM. */
  rope_theta: number;
  /** Read by transformers 4, vLLM and others; null for plain RoPE. */
  rope_scaling: RopeParameters | null;
  /** Read by transformers 5 and vLLM. */
  rope_parameters: RopeParameters;
  /** transformers 4 finds LongRoPE's trained length only here. */
  original_max_position_embeddings?: number;
}

/**
 * Writes a table as Hugging Face keys that transformers 4, transformers 5 and vLLM all read as the same table.
 * `readBack` proves it.
 *
 * @param rope the stage's RoPE
 * @param context length the model now has: `max_position_embeddings`
 * @param original length it was trained at before any scaling
 * @throws Error when no Hugging Face form holds the table (`rope.parameters` is null)
 */
export function writeHuggingFaceRope(rope: PlanRope, context: number, original: number): HuggingFaceRope {
  if (!rope.parameters) {
    throw new Error(`no Hugging Face rope_type reproduces ${rope.formula}: some of its pairs do not turn`);
  }
  const type = rope.parameters.rope_type;
  const trained = rope.parameters.original_max_position_embeddings;
  const parameters = {
    ...rope.parameters,
    ...(type === "longrope" && typeof trained === "number" && longRopeAttention(rope, context / trained, trained)),
  };
  const { rope_theta: _, ...scaling } = parameters;
  return {
    max_position_embeddings: context,
    rope_theta: rope.theta,
    rope_scaling: type === "default" ? null : scaling,
    rope_parameters: parameters,
    ...(type === "longrope" && { original_max_position_embeddings: typeof trained === "number" ? trained : original }),
  };
}

/**
 * An attention factor other than the one that each library would work out by itself, in all their words: transformers 5
 * starts from `factor`, transformers 4 and vLLM from max_position / original, and vLLM knows only keys of its own.
 */
function longRopeAttention(rope: PlanRope, scale: number, trained: number): RopeParameters {
  const factor = rope.attention_factor;
  const implied = longRopeAttentionFactor(scale, trained);
  const given = rope.parameters?.attention_factor !== undefined;
  if (!given && Math.abs(factor - implied) <= 1e-12 * implied) return {};
  return { attention_factor: factor, short_mscale: factor, long_mscale: factor };
}

import type { PlanModel } from "../plan.ts";
import type { Family } from "./family.ts";

/** Published models that were trained at fewer tokens than their config.json promises. */
export interface KnownTraining {
  family: Family;
  /** rope_theta, which tells them from models that were trained on. */
  theta: number;
  /** Their `max_position_embeddings`. */
  promised: readonly number[];
  /** Their `sliding_window`, where that tells them apart. */
  window?: number;
  /** Tokens of the longest rows that they were trained with. */
  tokens: number;
  /** Whom it is said of. */
  of: string;
  /** Where it is said. */
  source: string;
}

/**
 * They are told by what their config.json says, not by name, so that a copy in a folder and a model that was tuned from one on short
 * text are known as well. The qwens promise what YaRN makes of them at inference, or room for a prompt besides the
 * answer; the first Mistral counts on its window; NeMo's first config.json had room for a million.
 */
const KNOWN: readonly KnownTraining[] = [
  {
    ...{ family: "qwen2", theta: 1e6, promised: [40_960, 131_072], tokens: 32_768 },
    ...{ of: "Qwen2 and Qwen2.5", source: "arXiv 2407.10671, 2412.15115" },
  },
  {
    ...{ family: "qwen2", theta: 1e7, promised: [1_010_000], tokens: 262_144 },
    ...{ of: "Qwen2.5-1M", source: "arXiv 2501.15383" },
  },
  {
    ...{ family: "qwen3", theta: 1e6, promised: [40_960, 131_072], tokens: 32_768 },
    ...{ of: "Qwen3", source: "arXiv 2505.09388" },
  },
  {
    ...{ family: "mistral", theta: 1e4, promised: [32_768], window: 4096, tokens: 8192 },
    ...{ of: "Mistral 7B v0.1", source: "arXiv 2310.06825, table 1" },
  },
  {
    ...{ family: "mistral", theta: 1e6, promised: [1_024_000], tokens: 131_072 },
    ...{ of: "Mistral NeMo", source: "its announcement" },
  },
];

/**
 * What the table says of a model with plain RoPE; null where its config.json is taken at its word.
 *
 * @param promised `max_position_embeddings`
 * @param window `sliding_window`; null: none
 */
export function knownTraining(
  { family, rope }: Pick<PlanModel, "family" | "rope">,
  promised: number,
  window: number | null,
): KnownTraining | null {
  if (rope.method !== "default") return null;
  const found = KNOWN.find(
    (known) => known.family === family && known.theta === rope.theta && known.promised.includes(promised),
  );
  return found && (found.window ?? window) === window ? found : null;
}

import type { RopeFinding } from "../rope/index.ts";

/** What is wrong or surprising about a model's config.json. */
export interface ModelFinding {
  kind: ModelFindingKind | RopeFinding["kind"];
  /** `error`: no model can be made of it. */
  severity: "error" | "warning";
  /** Key in config.json, dotted; empty when it is the whole file. */
  key: string;
  /** One sentence: what was found, what was expected, how to mend it. */
  message: string;
}

export type ModelFindingKind =
  | "not-json"
  | "family-unsupported"
  | "value-missing"
  | "value-wrong"
  | "heads-indivisible"
  | "head-dim-odd"
  | "bias-unsupported"
  | "attention-unsupported"
  | "feature-unsupported"
  | "key-unread"
  | "activation-unsupported"
  | "quantized-unsupported"
  | "too-large";

import type { PlanNeedle, PlanPerplexity } from "../../compiler/plan.ts";
import type { Share } from "./wilson.ts";

/** What `eval/<name>.json` holds: one evaluation of one model. */
export interface EvaluationResult {
  version: 1;
  /** `before`, or the name of the stage after which the model was evaluated. */
  name: string;
  /** Folder of the evaluated weights. */
  model: string;
  rope: { method: string; theta: number; attention_factor: number };
  /** Length that the evaluated model was trained for. */
  context: number;
  needle: NeedleResult | null;
  perplexity: PerplexityResult | null;
  gate: GateResult | null;
  seconds: number;
}

export interface NeedleResult {
  settings: PlanNeedle;
  cells: (Share & { length: number; depth: number })[];
  /** All depths of one length together. */
  lengths: (Share & { length: number })[];
  overall: Share;
  seconds: number;
}

export interface PerplexityResult {
  settings: PlanPerplexity;
  lengths: PerplexityAtLength[];
  seconds: number;
}

export interface PerplexityAtLength {
  length: number;
  windows: number;
  /** Scored tokens. */
  tokens: number;
  /** Mean negative log-likelihood in nats. */
  nll: number;
  perplexity: number;
  /** By position in the window; edges double. */
  buckets: PositionBucket[];
}

/** Targets predicted at positions from ≤ t < to of the windows. */
export interface PositionBucket {
  from: number;
  to: number;
  tokens: number;
  nll: number;
  perplexity: number;
  /** Standard error of `nll` over the windows; 0 with one window. */
  error: number;
}

export interface GateResult {
  passed: boolean;
  /** One sentence for each condition. */
  reasons: string[];
  otherwise: "stop" | "warn";
}

import type { PlanGate } from "../../compiler/plan.ts";
import type { GateResult, NeedleResult, PerplexityResult } from "./result.ts";

/**
 * Holds an evaluation against what the recipe asks for before it goes on. The needle accuracy must be reached at every
 * length (its depths together), the perplexity over the longest windows. Lengths above `length`, the stage's own, do not
 * count: the model was not trained for them.
 */
export function checkGate(
  gate: PlanGate,
  length: number,
  needle: NeedleResult | null,
  perplexity: PerplexityResult | null,
): GateResult {
  const checks: { passed: boolean; reason: string }[] = [];
  if (gate.needle !== null) checks.push(checkNeedle(gate.needle, length, needle));
  if (gate.perplexity !== null) checks.push(checkPerplexity(gate.perplexity, length, perplexity));
  return {
    passed: checks.every((check) => check.passed),
    reasons: checks.map((check) => check.reason),
    otherwise: gate.otherwise,
  };
}

function checkNeedle(wanted: number, length: number, needle: NeedleResult | null): { passed: boolean; reason: string } {
  const measured = needle?.lengths.filter((entry) => entry.length <= length) ?? [];
  if (measured.length === 0) return { passed: false, reason: `no needle length up to ${length} was evaluated` };
  const worst = measured.reduce((least, entry) => (entry.accuracy < least.accuracy ? entry : least));
  return {
    passed: worst.accuracy >= wanted,
    reason: `needle ${percent(worst.accuracy)} at ${worst.length} tokens, the weakest length; ${percent(wanted)} asked for`,
  };
}

function checkPerplexity(
  wanted: number,
  length: number,
  perplexity: PerplexityResult | null,
): { passed: boolean; reason: string } {
  const measured = perplexity?.lengths.filter((entry) => entry.length <= length) ?? [];
  if (measured.length === 0) return { passed: false, reason: `no perplexity length up to ${length} was evaluated` };
  const longest = measured.reduce((best, entry) => (entry.length > best.length ? entry : best));
  return {
    passed: longest.perplexity <= wanted,
    reason: `perplexity ${longest.perplexity.toFixed(2)} over windows of ${longest.length} tokens, at most ${wanted} asked for`,
  };
}

function percent(value: number): string {
  return `${(value * 100).toFixed(1)}%`;
}

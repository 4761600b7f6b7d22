import { createHash } from "node:crypto";
import type { Plan } from "../../compiler/plan.ts";

/** Fields that decide nothing about the weights: where the plan came from, and what it was thought to cost. */
const FREE = [
  ...[/^\/source\b/, /^\/trace\b/, /^\/defaults\b/, /^\/hardware\b/],
  ...[/^\/stages\/\d+\/(seconds|flops|attended)\b/, /^\/(before|stages\/\d+\/evaluate)\/seconds$/],
];

/** Most fields that a refusal names. */
const NAMED = 6;

export function planHash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** One field that two plans disagree about. */
export interface PlanDifference {
  /** JSON pointer. */
  pointer: string;
  was: string;
  is: string;
}

/** What differs between the plan a run began with and another one, as far as it could change the weights or evaluations. */
export function planDifferences(was: Plan, is: Plan): PlanDifference[] {
  const found: PlanDifference[] = [];
  compare(was, is, "", found);
  return found;
}

/** The differences as lines for a person. */
export function describeDifferences(differences: PlanDifference[]): string {
  const lines = differences.slice(0, NAMED).map(({ pointer, was, is }) => `  ${pointer}: ${was} → ${is}`);
  if (differences.length > NAMED) lines.push(`  and ${differences.length - NAMED} more`);
  return lines.join("\n");
}

function compare(was: unknown, is: unknown, pointer: string, found: PlanDifference[]): void {
  if (FREE.some((free) => free.test(pointer)) || Object.is(was, is)) return;
  if (isContainer(was) && isContainer(is) && Array.isArray(was) === Array.isArray(is)) {
    // A frequency table that differs is one difference, not sixty-four.
    if (Array.isArray(was) && was.every((item) => typeof item === "number")) {
      if (JSON.stringify(was) !== JSON.stringify(is)) found.push({ pointer, was: brief(was), is: brief(is) });
      return;
    }
    const a = was as { [key: string]: unknown };
    const b = is as { [key: string]: unknown };
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      compare(a[key], b[key], `${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`, found);
    }
    return;
  }
  found.push({ pointer, was: brief(was), is: brief(is) });
}

function isContainer(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

function brief(value: unknown): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

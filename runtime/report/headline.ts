import type { EvaluationResult, PerplexityAtLength } from "../evaluate/result.ts";
import { type RunRecord, targetContext } from "./collect.ts";
import { integer, percent, significant } from "./format.ts";

/** The figures that a reader wants first. */
export interface Headline {
  /** What was done, in one sentence. */
  sentence: string;
  /** What the evaluations say about it, in one or two sentences; empty when there are none. */
  finding: string;
  from: number;
  to: number;
  /** Weakest length of the needle evaluation up to the target, before and after. */
  needle: { before: number | null; after: number | null };
  /** Perplexity of the last positions that were measured, before and after. */
  perplexity: { before: number | null; after: number | null; position: number } | null;
}

export function headline(run: RunRecord): Headline {
  const from = run.plan.model.initialize ? 0 : run.plan.model.context;
  const to = targetContext(run.plan);
  const needle = { before: weakest(run.before, to), after: weakest(run.after, to) };
  const perplexity = tail(run, to);
  const times = from > 0 ? to / from : 0;
  const doing = run.complete ? "" : " (unfinished)";
  const sentence =
    from > 0
      ? `The recipe ${run.plan.recipe} took a model from ${integer(from)} to ${integer(to)} tokens of context${times > 1 ? `, ${significant(times)} times as far` : ""}${doing}.`
      : `The recipe ${run.plan.recipe} trained a model from nothing to ${integer(to)} tokens of context${doing}.`;
  return { sentence, finding: finding(run, needle, perplexity), from, to, needle, perplexity };
}

/** Accuracy at the weakest length not above `to`. */
function weakest(evaluation: EvaluationResult | null, to: number): number | null {
  const values = evaluation?.needle?.lengths.filter((entry) => entry.length <= to).map((entry) => entry.accuracy) ?? [];
  return values.length === 0 ? null : Math.min(...values);
}

/** The longest evaluated windows not above `to`. */
export function longest(evaluation: EvaluationResult | null, to: number): PerplexityAtLength | null {
  const entries = evaluation?.perplexity?.lengths.filter((entry) => entry.length <= to) ?? [];
  return entries.reduce<PerplexityAtLength | null>(
    (best, entry) => (best && best.length >= entry.length ? best : entry),
    null,
  );
}

function tail(run: RunRecord, to: number): Headline["perplexity"] {
  const after = longest(run.after, to);
  const before = longest(run.before, to);
  const length = after?.length ?? before?.length;
  if (length === undefined) return null;
  const last = (entry: PerplexityAtLength | null) =>
    entry?.length === length ? (entry.buckets.at(-1)?.perplexity ?? null) : null;
  return { before: last(before), after: last(after), position: length };
}

function finding(run: RunRecord, needle: Headline["needle"], perplexity: Headline["perplexity"]): string {
  const parts: string[] = [];
  if (needle.after !== null) {
    const lengths = run.after?.needle?.lengths.length ?? 0;
    const where = lengths > 1 ? "at the weakest length" : "at the length tried";
    const was = needle.before === null ? "" : `; before, ${percent(needle.before)}`;
    parts.push(
      `Asked for a fact hidden in the text, it answers right ${percent(needle.after)} of the time ${where}${was}.`,
    );
  }
  if (perplexity !== null && perplexity.after !== null) {
    const was = perplexity.before === null ? "" : `, where it was ${significant(perplexity.before)} before`;
    parts.push(
      `Perplexity at the far end alone, near position ${integer(perplexity.position)}, is ${significant(perplexity.after)}${was}.`,
    );
  }
  return parts.join(" ");
}

/** One sentence for the terminal at the end of a run. */
export function resultSentence(run: RunRecord): string {
  const { sentence, finding: found } = headline(run);
  return found === "" ? sentence : `${sentence} ${found}`;
}

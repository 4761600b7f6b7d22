import { type Analysis, type AnalyzeOptions, analyze } from "./analyze.ts";
import { applySafeFixes } from "./diagnostics/fix.ts";
import type { Host } from "./host.ts";

/** A fix that went in, and where: lines and characters of the text as it was then, from 0. */
export interface FixNote {
  readonly code: string;
  readonly title: string;
  readonly line: number;
  readonly character: number;
}

/** A recipe with its safe fixes in. */
export interface FixedRecipe {
  readonly text: string;
  readonly applied: readonly FixNote[];
  /** What is left, of the text as it is now. */
  readonly analysis: Analysis;
}

/** Rounds of fixing: a fix may uncover another mistake, but in no recipe so often. */
const mostRounds = 20;

/**
 * Applies every safe fix, round by round until none is left: misspelt names, names of other tools, spellings of other
 * languages, comments without effect, and whatever an older version of the language wrote in another way. What needs a
 * person's choice stays. A recipe in a version of the language that this compiler does not know comes back as it is.
 */
export function fixRecipe(text: string, host: Host, options: AnalyzeOptions = {}): FixedRecipe {
  const applied: FixNote[] = [];
  const seen = new Set([text]);
  let now = text;
  let analysis = analyze(now, host, options);
  for (let round = 0; round < mostRounds; round++) {
    const fixed = applySafeFixes(now, analysis.file, analysis.diagnostics);
    // Fixes that undo one another would go on for ever.
    if (fixed.applied.length === 0 || seen.has(fixed.text)) break;
    const source = analysis.texts.get(analysis.file)!;
    for (const { diagnostic, fix } of fixed.applied)
      applied.push({ code: diagnostic.code, title: fix.title, ...source.position(diagnostic.at.start) });
    now = fixed.text;
    seen.add(now);
    analysis = analyze(now, host, options);
  }
  return { text: now, applied, analysis };
}

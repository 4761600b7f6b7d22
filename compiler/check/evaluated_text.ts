import { isHeldOut } from "../held_out.ts";
import type { Host } from "../host.ts";
import type { PlanDraft } from "../lower/plan.ts";
import { folderOf } from "../path.ts";
import type { PlanDataSource, PlanEvaluate } from "../plan.ts";
import { bytesPerToken, formatOf, passes, shareOf, surveyOf } from "../survey/index.ts";
import { showAbout, showRatio, showTokens } from "../values/show.ts";
import { type Check, replacing } from "./context.ts";

/** How far an estimate may be off: prose by a third, code and other scripts by more. */
const margin = 2;

/** Shares that a recipe would write, smallest first. */
const usualShares = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

/** Evaluations at lengths that the text they read does not have: the run would refuse them once everything is tokenised. */
export const evaluatedTextSuffices: Check = ({ plan, trace, report, host }) => {
  const look = (evaluate: PlanEvaluate | null, pointer: string) => {
    for (const kind of ["perplexity", "needle"] as const) {
      const measured = evaluate?.[kind];
      if (!measured) continue;
      const longest = Math.max(...measured.lengths);
      const files = "files" in measured ? measured.files : [];
      const name = "files" in measured ? measured.source : measured.haystack;
      const k = plan.data.sources.findIndex((source) => source.name === name);
      const source = plan.data.sources[k];
      const have = files.length > 0 ? filesTokens(files, plan, host) : source && heldOutTokens(source, plan, host);
      if (!have || have * margin >= longest) continue; // that nothing is left has diagnostics of its own
      const share = source && files.length === 0 ? largerShare(source, have, longest) : undefined;
      const place = source && trace.exact(`/data/sources/${k}/holdout_every`);
      const ofSource = `what source ${name} ${source?.holdout_every ? "holds out" : "has"} comes`;
      const text = files.length > 0 ? "its files come" : ofSource;
      const values = { what: kind, length: showTokens(longest), have: showAbout(have), text };
      report.add("CTX4016", trace.nearest(`${pointer}/${kind}/lengths`), values, {
        related:
          source && files.length === 0 ? [{ message: `source ${name}`, at: trace.nearest(`/data/sources/${k}`) }] : [],
        fixes: share === undefined ? [] : replacing(place, `holdout = ${showRatio(share)}`, showRatio(share)),
      });
    }
  };
  for (const [k, stage] of [...plan.stages.entries()].reverse()) look(stage.evaluate, `/stages/${k}/evaluate`);
  look(plan.before, "/before");
};

/** Estimated tokens of text files; undefined where one is of another kind or its size is unknown. */
function filesTokens(patterns: readonly string[], plan: PlanDraft, host: Host): number | undefined {
  const files = new Set(patterns.flatMap((pattern) => host.list(pattern, folderOf(plan.source.file)) ?? []));
  let bytes = 0;
  for (const file of files) {
    const size = formatOf(file, null) === "text" ? host.size(file) : undefined;
    if (size === undefined) return undefined;
    bytes += size;
  }
  return bytes > 0 ? bytes / bytesPerToken(plan) : undefined;
}

/** Estimated tokens of the documents that a source holds out, of all where it holds none out. */
function heldOutTokens(source: PlanDataSource, plan: PlanDraft, host: Host): number | undefined {
  const survey = surveyOf(source, plan, host);
  const every = source.holdout_every;
  if (survey?.complete && survey.documents.length > 0) {
    return survey.documents.reduce(
      (sum, document, k) =>
        (every === 0 || isHeldOut(k, every)) && passes(source, document) ? sum + document.tokens : sum,
      0,
    );
  }
  if (!survey?.tokens) return undefined;
  const passing = survey.documents.length > 0 ? shareOf(survey.documents, (each) => passes(source, each)).tokens : 1;
  return (survey.tokens * passing) / Math.max(1, every);
}

/** The smallest usual share that would hold out enough; undefined when none would. */
function largerShare({ holdout_every: every }: PlanDataSource, have: number, longest: number): number | undefined {
  return every === 0 ? undefined : usualShares.find((share) => have * every * share >= longest);
}

import type { PlanDataSource } from "../plan.ts";
import { longestOf, passes, type SurveyedDocument, shareOf, surveyOf } from "../survey/index.ts";
import { showAbout, showAboutRatio, showTokens } from "../values/show.ts";
import { type Check, replacing, steps } from "./context.ts";

/** Documents from which a share is worth telling. */
const fewest = 20;

/** How far an estimated length may be off: text of a small vocabulary has half as many bytes for each token. */
const margin = 2;

/** Share of a source's tokens from which what a filter leaves out is said aloud. */
const saidBelow = 0.5;

/** What a filter leaves of a source, as far as its files show. */
export const filterKeeps: Check = ({ plan, trace, report, host }) => {
  for (const [k, source] of plan.data.sources.entries()) {
    if (source.min_tokens === 0 && source.max_tokens === null) continue;
    const { documents = [] } = surveyOf(source, plan, host) ?? {};
    if (documents.length < fewest) continue;
    const share = shareOf(documents, (document) => passes(source, document));
    const none = documents.every((document) => !passesRoughly(source, document));
    if (!none && (share.tokens === 0 || share.tokens >= saidBelow)) continue;
    const values = {
      name: source.name,
      documents: none ? "none" : showAboutRatio(share.documents),
      tokens: none ? "none" : showAboutRatio(share.tokens),
      looked: documents.length,
      longest: showAbout(longestOf(documents)),
    };
    const severity = none ? "warning" : "info";
    report.add("CTX5023", trace.nearest(`/data/sources/${k}/min_tokens`), values, { severity });
  }
};

function passesRoughly(source: PlanDataSource, { tokens, cut }: SurveyedDocument): boolean {
  const { min_tokens: min, max_tokens: max } = source;
  return (cut || tokens * margin >= min) && (max === null || tokens / margin <= max);
}

/** Share of a source's tokens that a stage may leave out before that is said. */
const dropped = { said: 0.1, warned: 0.5 } as const;

/** What `overflow = drop` takes away: documents longer than a stage's rows. Told once a source, for the stage with the shortest. */
export const overflowDrops: Check = ({ plan, trace, report, host }) => {
  if (plan.data.overflow !== "drop") return;
  const overflow = trace.exact("/data/overflow");
  for (const [k, source] of plan.data.sources.entries()) {
    const reading = [...steps(plan)].filter(({ stage }) => (stage.mix[source.name] ?? 0) > 0);
    const shortest = reading.sort((a, b) => a.stage.length - b.stage.length)[0];
    const survey = shortest && surveyOf(source, plan, host);
    const documents = survey?.documents.filter((document) => passes(source, document)) ?? [];
    if (!shortest || !survey || documents.length === 0) continue;
    const { length, name } = shortest.stage;
    const { tokens: lost } = shareOf(documents, ({ tokens }) => tokens > length);
    if (lost <= dropped.said) continue;
    const all = survey.complete && documents.every(({ tokens }) => tokens / margin > length);
    const values = {
      stage: name,
      name: source.name,
      share: all ? "all" : showAboutRatio(lost),
      length: showTokens(length),
    };
    report.add("CTX5024", trace.nearest(`/data/sources/${k}`), values, {
      severity: all ? "error" : lost > dropped.warned ? "warning" : "info",
      related: overflow ? [{ message: "overflow = drop", at: overflow }] : [],
      fixes: replacing(overflow, "overflow = split", "split"),
    });
  }
};

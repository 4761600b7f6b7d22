import { grouped } from "../diagnostics/message.ts";
import { passes, shareOf, surveyOf } from "../survey/index.ts";
import { showAbout, showAboutRatio, showTokens } from "../values/show.ts";
import { type Check, replacing, steps } from "./context.ts";

/** Times that each distance of the context should be met. PoSE's own smallest run: 1016; tiny models learn from 40. */
const leastMeetings = 10;

/** P(a row meets a given distance) ≈ length / (context - length + 1) (PoSE 2309.10400, two chunks). */
export const poseCoverage: Check = ({ plan, trace, report }) => {
  for (const { stage, pointer } of steps(plan)) {
    if (stage.positions.kind !== "pose") continue;
    const rows = stage.steps * stage.sequences;
    const times = (rows * stage.length) / (stage.context - stage.length + 1);
    if (times >= leastMeetings) continue;
    const values = {
      rows,
      length: showTokens(stage.length),
      context: showTokens(stage.context),
      times: showAbout(times),
    };
    // Where the budget is in tokens, more of them are more steps.
    const tokens = trace.exact(`${pointer}/tokens`);
    const enough = Math.ceil(stage.steps * (leastMeetings / times));
    const fixes = tokens
      ? []
      : replacing(trace.exact(`${pointer}/steps`), `steps = ${grouped(enough)}`, String(enough));
    report.add("CTX6005", trace.nearest(`${pointer}/positions`), values, { fixes });
  }
};

/** Share of a source's tokens in documents of a row and more below which most skips fall between two documents. */
const leastLong = 0.3;

/** Rows' worth of text that must have been looked at. */
const enoughRows = 8;

/**
 * PoSE skips positions at a random place of the row. Where documents are masked from each other only a skip within one is seen, so
 * rows of many short documents hardly meet far distances; the paper takes no document shorter than a row.
 */
export const poseDocuments: Check = ({ plan, trace, report, host }) => {
  if (plan.data.documents !== "mask") return;
  for (const { stage, pointer } of steps(plan)) {
    if (stage.positions.kind !== "pose") continue;
    for (const [k, source] of plan.data.sources.entries()) {
      if (!((stage.mix[source.name] ?? 0) > 0)) continue;
      const { documents = [] } = surveyOf(source, plan, host) ?? {};
      const passing = documents.filter((document) => passes(source, document));
      if (passing.reduce((sum, { tokens }) => sum + tokens, 0) < enoughRows * stage.length) continue;
      const { tokens: long } = shareOf(passing, ({ tokens, cut }) => cut || tokens >= stage.length);
      if (long >= leastLong) continue;
      const length = showTokens(stage.length);
      const values = { stage: stage.name, name: source.name, share: showAboutRatio(long), length };
      const files = trace.exact(`/data/sources/${k}/files`);
      const filter = `filter = tokens >= ${/^[\d,]+$/.test(length) ? stage.length : length}`;
      const fixes =
        long > 0 && !trace.exact(`/data/sources/${k}/min_tokens`)
          ? replacing(files && { ...files, start: files.end }, filter, `  ${filter}`)
          : [];
      const related = [{ message: `stage ${stage.name} skips positions`, at: trace.nearest(`${pointer}/positions`) }];
      report.add("CTX6012", trace.nearest(`/data/sources/${k}`), values, { related, fixes });
    }
  }
};

import type { PlanDraft } from "../lower/plan.ts";
import type { PlanDataSource, PlanStage } from "../plan.ts";
import { longestOf, passes, type SurveyedDocument, shareOf, surveyOf } from "../survey/index.ts";
import { showAbout, showAboutRatio, showNumber, showTokens } from "../values/show.ts";
import { type Check, type CheckContext, steps } from "./context.ts";

/** Below this share of a stage's tokens in long documents, its rows are short texts laid end to end. */
const hardlyAny = 0.01;

/**
 * Shares of long documents that published mixes keep to: 34% of the tokens (Olmo 3) to 63% (ProLong 2410.02660), 75% at the longest
 * length (Qwen2.5-1M).
 */
const published = { least: 0.3, most: 0.9 } as const;

/** Documents of each source from which a share means something. */
const fewest = 16;

/** Parameters from which the loss of short-context skill by long text alone was measured (ProLong's ablation, 8B). */
const large = 1e9;

/** Rows' worth of text that must have been looked at, or this many tokens, before anything is said of its documents. */
const enough = { rows: 8, tokens: 1e6 } as const;

/**
 * Packed length and longest document are two things: a row of 512Ki out of documents of 16Ki teaches no distance above 16Ki. Documents
 * of half a row and more count as long.
 */
export const documentsTooShort: Check = (context) => {
  const { plan, trace, report } = context;
  for (const { stage, pointer } of steps(plan)) {
    if (!teachesLength(plan, stage)) continue;
    const looked = lookedAt(context, stage);
    const share = longShare(looked, stage.length / 2);
    if (looked.length === 0 || share.most >= hardlyAny) continue;
    const longest = Math.max(...looked.map(({ documents }) => longestOf(documents)));
    const join = plan.data.documents === "join";
    const consequence = join
      ? "with documents = join a row's far ends have nothing to do with each other"
      : `with documents = mask${trace.exact("/data/documents") ? "" : ", the default,"} no token sees beyond its document`;
    const values = {
      stage: stage.name,
      length: showTokens(stage.length),
      longest: showAbout(longest),
      share: showAboutRatio(share.most),
      half: showTokens(stage.length / 2),
      consequence,
    };
    const severity = join ? "info" : "warning";
    const related = looked.map((each) => spoken(context, each, stage.length));
    report.add("CTX5021", trace.nearest(`${pointer}/length`), values, { severity, related });
  }
};

/** The share of long documents against those of published mixes; too large a one is told once. */
export const longDocumentShare: Check = (context) => {
  const { plan, trace, report } = context;
  let told = false;
  for (const { stage, pointer } of steps(plan)) {
    if (!teachesLength(plan, stage)) continue;
    const looked = lookedAt(context, stage);
    if (looked.length === 0 || looked.some(({ documents }) => documents.length < fewest)) continue;
    const share = longShare(looked, stage.length / 2);
    const few = share.most >= hardlyAny && share.most < published.least;
    const many = share.least > published.most && plan.model.parameters >= large;
    if (!few && (!many || told)) continue;
    told ||= many;
    const values = {
      stage: stage.name,
      share: showAboutRatio(few ? share.most : share.least),
      half: showTokens(stage.length / 2),
      evidence: few
        ? "published mixes hold at least 34% (Olmo 3)"
        : "published mixes hold up to 63% (ProLong), 75% at most (Qwen2.5-1M): with more, what was learnt on short text fades",
    };
    const severity = few && plan.data.documents === "mask" ? "warning" : "info";
    const related = looked.map((each) => spoken(context, each, stage.length));
    report.add("CTX5022", trace.nearest(`${pointer}/length`), values, { severity, related });
  }
};

/** Whether a stage's rows are meant to teach longer distances than the model knows. Of PoSE's short rows `poseDocuments` speaks. */
function teachesLength({ model }: PlanDraft, { length, positions }: PlanStage): boolean {
  return length > model.context && positions.kind !== "pose";
}

/** A source of a stage's mix whose documents were looked at, or whose rows are long by themselves. */
interface Looked {
  readonly source: PlanDataSource;
  readonly share: number;
  /** Documents that pass the filter; none for synthetic rows, each of which is one document. */
  readonly documents: readonly SurveyedDocument[];
}

/**
 * What is known of a stage's sources; empty when too little is known of any to judge the mix. That `overflow = drop` leaves out the
 * longest has a diagnostic of its own.
 */
function lookedAt({ plan, host }: CheckContext, stage: PlanStage): Looked[] {
  const looked: Looked[] = [];
  for (const [name, share] of Object.entries(stage.mix)) {
    const source = plan.data.sources.find((candidate) => candidate.name === name);
    if (!source || share <= 0 || source.synthesize) continue;
    const survey = surveyOf(source, plan, host);
    const documents = survey?.documents.filter((document) => passes(source, document)) ?? [];
    const tokens = documents.reduce((sum, document) => sum + document.tokens, 0);
    if (tokens < Math.min(enough.rows * stage.length, enough.tokens)) return [];
    looked.push({ source, share, documents });
  }
  return looked;
}

/** Bounds of the share of a stage's tokens in documents of `length` and more; what goes on may be one. Synthetic rows all are. */
function longShare(looked: readonly Looked[], length: number): { least: number; most: number } {
  let [least, most] = [0, 0];
  const files = looked.reduce((sum, { share }) => sum + share, 0);
  for (const { share, documents } of looked) {
    least += share * shareOf(documents, ({ tokens }) => tokens >= length).tokens;
    most += share * shareOf(documents, ({ tokens, cut }) => cut || tokens >= length).tokens;
  }
  return { least: least + 1 - files, most: most + 1 - files };
}

/** What was seen of a source, by documents and by tokens. */
function spoken({ plan, trace }: CheckContext, { source, documents }: Looked, length: number) {
  const long = (least: number) => {
    const { documents: some, tokens } = shareOf(documents, (document) => document.cut || document.tokens >= least);
    const shares = `${showAboutRatio(some)} of the documents and ${showAboutRatio(tokens)} of the tokens at`;
    return { some, said: `${some === 0 ? "none of" : shares} ${showTokens(least)} or more` };
  };
  const [whole, half] = [long(length), long(length / 2)];
  // None of half a row: that none is of a whole one need not be said.
  const longs = half.some === 0 ? half.said : `${whole.said}, ${half.said}`;
  const longest = showAbout(longestOf(documents));
  const k = plan.data.sources.indexOf(source);
  const message = `source ${source.name}, ${showNumber(documents.length)} documents looked at: the longest has about ${longest} tokens; ${longs}`;
  return { message, at: trace.nearest(`/data/sources/${k}`) };
}

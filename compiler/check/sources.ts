import type { PlanDraft } from "../lower/plan.ts";
import { folderOf } from "../path.ts";
import type { PlanDataSource, PlanEvaluate } from "../plan.ts";
import { passes, shareOf, surveyOf } from "../survey/index.ts";
import { showAbout } from "../values/show.ts";
import { type Check, type CheckContext, steps } from "./context.ts";

/** Names of the sources that something reads: a mix, a haystack, an evaluation. */
function sourcesRead(plan: PlanDraft): Set<string> {
  const read = new Set<string>();
  const evaluation = (evaluate: PlanEvaluate | null) => {
    if (evaluate?.perplexity?.source) read.add(evaluate.perplexity.source);
    if (evaluate?.needle) read.add(evaluate.needle.haystack);
  };
  for (const stage of plan.stages) {
    for (const [name, share] of Object.entries(stage.mix)) if (share > 0) read.add(name);
    evaluation(stage.evaluate);
  }
  evaluation(plan.before);
  for (const source of plan.data.sources) {
    if (source.synthesize && read.has(source.name)) read.add(source.synthesize.haystack);
  }
  return read;
}

export const sourceUnused: Check = ({ plan, trace, report, brokenFrom }) => {
  // A stage that could not be read may be the one that reads it.
  if (plan.stages.length === 0 || brokenFrom < Number.POSITIVE_INFINITY) return;
  // Nor is a mix without a sum one to judge shares by.
  if (report.has("CTX5001")) return;
  const read = sourcesRead(plan);
  for (const [k, source] of plan.data.sources.entries()) {
    if (!read.has(source.name)) report.add("CTX5003", trace.nearest(`/data/sources/${k}`), { name: source.name });
  }
};

/**
 * Patterns that match nothing. A recipe whose base model is not on this machine either is meant for another one, and its
 * files are not looked for here.
 */
export const filesMissing: Check = ({ plan, trace, report, host }) => {
  if (plan.model.path === null && !plan.model.initialize) return;
  const folder = folderOf(plan.source.file);
  const look = (patterns: readonly string[], pointer: string) => {
    for (const pattern of patterns) {
      if (host.list(pattern, folder)?.length !== 0) continue;
      const npm = /^npm:((?:@[^/]+\/)?[^/]+)/.exec(pattern);
      const where = npm
        ? `the installed npm packages; npm install ${npm[1]} may help`
        : folder === "."
          ? "the recipe's folder"
          : folder;
      report.add("CTX5007", trace.nearest(pointer), { pattern, folder: where });
    }
  };
  for (const [k, source] of plan.data.sources.entries()) look(source.files, `/data/sources/${k}/files`);
  for (const [k, stage] of plan.stages.entries()) {
    look(stage.evaluate?.perplexity?.files ?? [], `/stages/${k}/evaluate/perplexity/files`);
  }
};

/**
 * Text that is evaluated must not be text that is trained on. Where the recipe says nothing, documents are held out by
 * themselves (lower/holdout.ts); this is about a written holdout = 0%.
 */
export const evaluatedOnTraining: Check = ({ plan, trace, report }) => {
  const trained = new Set(
    plan.stages.flatMap((stage) => Object.keys(stage.mix).filter((name) => stage.mix[name]! > 0)),
  );
  const synthetic = plan.data.sources.filter(({ name }) => trained.has(name));
  for (const { synthesize } of synthetic) if (synthesize) trained.add(synthesize.haystack);
  const look = (what: string, name: string | null | undefined, pointer: string) => {
    if (!name) return;
    const k = plan.data.sources.findIndex((source) => source.name === name);
    const source = plan.data.sources[k];
    if (!source || source.holdout_every > 0 || !trained.has(source.name)) return;
    const related = [{ message: `source ${source.name} holds nothing out`, at: trace.nearest(`/data/sources/${k}`) }];
    report.add("CTX5004", trace.nearest(pointer), { what, name: source.name }, { related });
  };
  const evaluations: [PlanEvaluate | null, string][] = plan.stages.map((stage, k) => [
    stage.evaluate,
    `/stages/${k}/evaluate`,
  ]);
  for (const [evaluate, pointer] of [...evaluations, [plan.before, "/before"] as const]) {
    look("perplexity", evaluate?.perplexity?.source, `${pointer}/perplexity/source`);
    look("needle", evaluate?.needle?.haystack, `${pointer}/needle/haystack`);
  }
};

/** Files of an evaluation that a source trains on too. */
export const evaluationFilesTrained: Check = ({ plan, trace, report, host }) => {
  const folder = folderOf(plan.source.file);
  const files = (patterns: readonly string[]) =>
    patterns.flatMap((pattern) => {
      const found = host.list(pattern, folder) ?? [];
      return found.length > 0 ? found : [pattern];
    });
  const read = sourcesRead(plan);
  const look = (evaluate: PlanEvaluate | null, pointer: string) => {
    const evaluated = new Set(files(evaluate?.perplexity?.files ?? []));
    if (evaluated.size === 0) return;
    for (const source of plan.data.sources) {
      const shared = read.has(source.name) ? files(source.files).find((file) => evaluated.has(file)) : undefined;
      if (shared === undefined) continue;
      const values = { file: shared, name: source.name };
      report.add("CTX5009", trace.nearest(`${pointer}/perplexity/files`), values);
    }
  };
  for (const [k, stage] of plan.stages.entries()) look(stage.evaluate, `/stages/${k}/evaluate`);
  look(plan.before, "/before");
};

/** Readings from which a stage's text is said to come again, and those of all stages together: other lengths make it less of the same. */
const again = { stage: 2, campaign: 4 } as const;

/** A source that runs out before the stages end is read again. */
export const textRunsOut: Check = (context) => {
  const { plan, trace, report } = context;
  // Of files that can't be read as they are there is no telling how much they hold.
  if (report.has("CTX5020")) return;
  for (const [k, source] of plan.data.sources.entries()) {
    const have = tokensOf(source, context);
    if (!have) continue;
    const tell = (who: string, need: number) => ({
      who,
      name: source.name,
      epochs: showAbout(need / have),
      have: showAbout(have),
      need: showAbout(need),
    });
    let [all, told] = [0, false];
    for (const { stage, pointer } of steps(plan)) {
      const need = stage.tokens * (stage.mix[source.name] ?? 0);
      all += need;
      if (need < again.stage * have) continue;
      report.add("CTX5008", trace.nearest(`${pointer}/mix`), tell(`stage ${stage.name}`, need));
      told = true;
    }
    if (told || all < again.campaign * have) continue;
    report.add("CTX5008", trace.nearest(`/data/sources/${k}`), tell("the whole run", all), { severity: "info" });
  }
};

/** Estimated tokens that a source gives to training: less what its filter and its holdout take; undefined when its files do not tell. */
function tokensOf(source: PlanDataSource, { plan, host }: CheckContext): number | undefined {
  const survey = surveyOf(source, plan, host);
  if (!survey?.tokens) return undefined;
  const passing = survey.documents.length > 0 ? shareOf(survey.documents, (each) => passes(source, each)).tokens : 1;
  const kept = source.holdout_every > 0 ? 1 - 1 / source.holdout_every : 1;
  return survey.tokens * passing * kept;
}

import { holdsOutAny } from "../held_out.ts";
import { folderOf } from "../path.ts";
import type { PlanDataSource, PlanEvaluate } from "../plan.ts";
import { type Check, type CheckContext, replacing } from "./context.ts";

/** Shares that a recipe would write, smallest first. */
const usualShares = [0.05, 0.1, 0.2, 0.5];

/** Sources that an evaluation reads, with so few documents that none of them is held out. */
export const nothingHeldOut: Check = (context) => {
  const { plan, trace, report } = context;
  const seen = new Set<string>();
  const look = (what: string, name: string | null | undefined, pointer: string) => {
    const k = plan.data.sources.findIndex((source) => source.name === name);
    const source = plan.data.sources[k];
    if (!source || source.holdout_every === 0 || seen.has(source.name)) return;
    const documents = textDocuments(source, context);
    if (!documents || holdsOutAny(documents, source.holdout_every)) return;
    seen.add(source.name);
    const share = usualShares.find((candidate) => holdsOutAny(documents, Math.round(1 / candidate)));
    const written = share && `${share * 100}%`;
    const hint = written
      ? `write holdout = ${written}, or give the source more files`
      : "one document can't be trained on and held out: give the source more files";
    const fixes = written ? holdoutFix(trace, k, written) : [];
    const related = [{ message: `${what} reads it`, at: trace.nearest(pointer) }];
    const values = { name: source.name, what, every: source.holdout_every, documents, hint };
    report.add("CTX5015", trace.nearest(`/data/sources/${k}/holdout_every`), values, { related, fixes });
  };
  const evaluations: [PlanEvaluate | null, string][] = [
    [plan.before, "/before"],
    ...plan.stages.map((stage, k): [PlanEvaluate | null, string] => [stage.evaluate, `/stages/${k}/evaluate`]),
  ];
  for (const [evaluate, pointer] of evaluations) {
    look("perplexity", evaluate?.perplexity?.source, `${pointer}/perplexity/source`);
    look("the needle test", evaluate?.needle?.haystack, `${pointer}/needle/haystack`);
  }
};

/** Writes another holdout in the place of the one there is, or one behind the source's files. */
function holdoutFix(trace: CheckContext["trace"], k: number, share: string) {
  const title = `holdout = ${share}`;
  const written = trace.exact(`/data/sources/${k}/holdout_every`);
  if (written) return replacing(written, title, share);
  const files = trace.exact(`/data/sources/${k}/files`);
  return replacing(files && { ...files, start: files.end }, title, `  holdout = ${share}`);
}

/** Documents of a source of text files, each of which is one; undefined when the files are of other kinds or unknown. */
function textDocuments(source: PlanDataSource, { plan, host }: CheckContext): number | undefined {
  if (source.format !== "text") return undefined;
  const lists = source.files.map((pattern) => host.list(pattern, folderOf(plan.source.file)));
  return lists.some((list) => list === undefined) ? undefined : new Set(lists.flatMap((list) => list ?? [])).size;
}

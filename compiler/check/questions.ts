import type { PlanDraft } from "../lower/plan.ts";
import type { PlanDataSource } from "../plan.ts";
import { showNumber, showTokens } from "../values/show.ts";
import { type Check, steps } from "./context.ts";

type Synthetic = NonNullable<PlanDataSource["synthesize"]>;

/** Synthetic rows that no row of a stage has room for. */
export const questionsFit: Check = ({ plan, trace, report }) => {
  for (const { stage, pointer } of steps(plan)) {
    for (const { name, synthesize } of mixed(plan, stage.mix)) {
      const least = leastRow(synthesize);
      if (least <= stage.length) continue;
      const values = { name, least: showNumber(least), stage: stage.name, length: showTokens(stage.length) };
      const hint =
        synthesize.kind === "copy"
          ? "make the stage longer, or segment or gap smaller"
          : "make the stage longer, or repeats or count smaller";
      const k = plan.data.sources.findIndex((source) => source.name === name);
      const related = [{ message: `source ${name}`, at: trace.nearest(`/data/sources/${k}`) }];
      report.add("CTX5019", trace.nearest(`${pointer}/length`), { ...values, hint }, { related });
    }
  }
};

function mixed(plan: PlanDraft, mix: { [source: string]: number }): { name: string; synthesize: Synthetic }[] {
  return plan.data.sources.flatMap(({ name, synthesize }) =>
    synthesize && (mix[name] ?? 0) > 0 ? [{ name, synthesize }] : [],
  );
}

/** Digits that one token holds at most in the vocabularies in use. */
const digitsPerToken = 3;

/**
 * Fewest tokens of a row: of copied segments exactly; of questions with a token for each word, which no tokenizer goes below,
 * and no text around. The run counts again with the tokenizer itself.
 */
function leastRow({ kind, segment, gap, digits, count, repeats }: Synthetic): number {
  if (kind === "copy") return 2 * (segment[1] + gap);
  const value = Math.ceil(digits / digitsPerToken);
  const name = Math.ceil(4 / digitsPerToken);
  switch (kind) {
    case "needle":
      return 5 + value + repeats * (4 + value);
    case "passkey":
      return 13 + 2 * value + repeats * (10 + value);
    default:
      return count * (6 + name + value) + repeats * (5 + name + value);
  }
}

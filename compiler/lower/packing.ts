import { packedPairs, wholePairs } from "../cost/index.ts";
import type { PlanAttended, PlanData, PlanDataSource, PlanModel, PlanStage, PlanTokenizer } from "../plan.ts";
import { passes, surveyIn } from "../survey/index.ts";
import { showAboutRatio } from "../values/show.ts";
import type { Lowering } from "./lowering.ts";

/** What decides how the rows of stages are made up. */
export interface PackingGround {
  readonly sourceOf: ReadonlyMap<string, PlanDataSource>;
  readonly data: Pick<PlanData, "documents" | "overflow">;
  readonly model: PlanModel;
  readonly tokenizer: PlanTokenizer;
  readonly lowering: Lowering;
}

/** Documents of a source, or all that it has, from which the lengths of a row's documents can be told. */
const fewest = 16;

/** Share of the pairs of whole rows above which they are counted as whole. */
const whole = 0.95;

/**
 * What attention is expected to compute of a stage's rows when documents of a row do not see each other, from the lengths that the
 * files of its sources show; undefined where that is whole rows. A source of unknown lengths counts as whole rows, and so do
 * synthetic ones, each of which is one document.
 */
export function lowerAttended(
  { length, mix }: Pick<PlanStage, "length" | "mix">,
  stage: string,
  ground: PackingGround,
): PlanAttended | undefined {
  const { data, model, sourceOf, lowering } = ground;
  if (data.documents !== "mask") return undefined;
  const window = model.window?.tokens;
  const one = wholePairs(length, window);
  const attended = { full: 0, windowed: 0 };
  const known: string[] = [];
  for (const [name, share] of Object.entries(mix)) {
    const source = share > 0 ? sourceOf.get(name) : undefined;
    const lengths = source ? documentLengths(source, length, ground) : [];
    if (lengths.length > 0) known.push(name);
    attended.full += share * (lengths.length > 0 ? packedPairs(lengths, length) : one.full);
    attended.windowed += share * (lengths.length > 0 ? packedPairs(lengths, length, window) : one.windowed);
  }
  const share = attended.full / one.full;
  if (known.length === 0 || share > whole) return undefined;
  const from = `documents of ${known.join(", ")} share rows and do not see each other; of their lengths`;
  lowering.note({ path: `stage ${stage}.attention`, value: `${showAboutRatio(share)} of a whole row's`, from });
  return { full: Math.round(attended.full), windowed: Math.round(attended.windowed) };
}

/** Tokens of each document that a stage takes, about; none where too little of the source was seen. */
function documentLengths(
  source: PlanDataSource,
  length: number,
  { data: { overflow }, model, tokenizer, lowering: { surveys, file, host } }: PackingGround,
): number[] {
  const survey = surveyIn(surveys, source, { source: { file }, model, tokenizer }, host);
  const taken = survey?.documents.filter(
    (document) =>
      document.tokens > 0 && passes(source, document) && (overflow === "split" || document.tokens <= length),
  );
  if (!survey || !taken || (taken.length < fewest && !survey.complete)) return [];
  // One that goes on may fill a row.
  return taken.map(({ tokens, cut }) => (cut ? Math.max(tokens, length) : tokens));
}

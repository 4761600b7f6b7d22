import type { PlanEvaluate, PlanPerplexity } from "../../compiler/plan.ts";
import type { PlanDataset } from "../data/data.ts";
import type { Documents } from "../data/documents.ts";
import { needleTokens } from "../data/needle.ts";
import { Failure } from "../run/failure.ts";

/**
 * The documents of a source that evaluations read: those held out, or all where the plan holds none out of it.
 *
 * @throws Failure when there are none
 */
export function evaluatedDocuments(data: PlanDataset, name: string): Documents {
  const source = data.sources.get(name);
  if (!source) throw new Failure("input", `the evaluation names ${name}, which is no source of files`);
  if (source.evaluated.count > 0) return source.evaluated;
  const { documents } = source.statistics.train;
  throw new Failure(
    "input",
    `source ${name} has ${documents} documents to train on and none to evaluate on`,
    "raise holdout in that source, give it more documents, or name files to evaluate on",
  );
}

/** The documents that a perplexity is measured on: of files of its own, or of a source. */
export async function perplexityDocuments(data: PlanDataset, settings: PlanPerplexity): Promise<Documents> {
  return settings.files.length > 0 ? data.documents(settings.files) : evaluatedDocuments(data, settings.source ?? "");
}

/**
 * Refuses what an evaluation could only fail at once the weights are there: text that is missing or too short, lengths
 * that no question fits.
 *
 * @param what subject of the messages, such as "the evaluation after stage long"
 * @throws Failure that says what is missing
 */
export async function checkEvaluatedText(what: string, evaluate: PlanEvaluate, data: PlanDataset): Promise<void> {
  const { needle, perplexity } = evaluate;
  if (needle) {
    const least = await needleTokens(needle.digits, data.tokenizer);
    const shortest = Math.min(...needle.lengths);
    if (shortest < least)
      throw new Failure(
        "input",
        `${what} hides needles in ${shortest} tokens, but with this tokenizer fact, question and answer take ${least}`,
        "begin at a longer length, or ask for fewer digits",
      );
    expectText(what, evaluatedDocuments(data, needle.haystack), Math.max(...needle.lengths));
  }
  if (perplexity) {
    const opening = data.tokenizer.bos === null ? 0 : 1;
    const documents = await perplexityDocuments(data, perplexity);
    expectText(what, documents, Math.max(...perplexity.lengths) + 1 - opening);
  }
}

function expectText(what: string, documents: Documents, needed: number): void {
  const there = documents.textTokens();
  if (there >= needed) return;
  throw new Failure(
    "input",
    `${what} needs ${needed} tokens of text at its longest length, and ${documents.name} has ${there}`,
    "evaluate at shorter lengths, hold out more, or give it more text",
  );
}

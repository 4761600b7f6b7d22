import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Plan, PlanEvaluate } from "../../compiler/plan.ts";
import { samplePlan, sampleStage } from "./sample_run.ts";

const WORDS = "the sea lies open and grey under a low sky while men row out with nets and come home late".split(" ");

/** A folder with some text to learn from, written by a small generator of its own. */
export function corpus(): string {
  const folder = mkdtempSync(join(tmpdir(), "ctx-corpus-"));
  let state = 12345;
  const word = () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return WORDS[(state >>> 16) % WORDS.length]!;
  };
  for (let file = 0; file < 6; file++) {
    const sentences = Array.from({ length: 60 }, () => `${Array.from({ length: 9 }, word).join(" ")}.`);
    writeFileSync(join(folder, `${file}.txt`), sentences.join(" "));
  }
  return folder;
}

export const evaluate: PlanEvaluate = {
  needle: { lengths: [64, 128], depths: [0, 1], samples: 2, haystack: "text", digits: 2 },
  perplexity: { files: [], source: "text", lengths: [64, 128], samples: 2 },
  gate: null,
};

/** Two stages from nothing: text and questions, the second twice as long and with carried moments. */
export function plan(): Plan {
  const base = samplePlan();
  const question = {
    ...base.data.sources[0]!,
    name: "recall",
    kind: "synthetic" as const,
    files: [],
    synthesize: {
      kind: "needle" as const,
      haystack: "text",
      digits: 2,
      count: 1,
      segment: [4, 8] as [number, number],
      gap: 0,
      answer_weight: 2,
      text_weight: 0.5,
      at_start: 0.1,
      at_end: 0.5,
      repeats: 1,
    },
  };
  const first = sampleStage("first", { mix: { text: 0.5, recall: 0.5 } });
  const second = sampleStage("second", { length: 128, mix: { text: 1 }, evaluate });
  second.train = { ...second.train, optimizer: { ...second.train.optimizer, state: "carry" } };
  const data = { ...base.data, sources: [...base.data.sources, question] };
  return samplePlan({ data, stages: [first, second] });
}

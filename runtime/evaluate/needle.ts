import type { PlanNeedle } from "../../compiler/plan.ts";
import type { NativeEngine } from "../engine/addon.ts";
import type { StopSignal } from "../run/events.ts";
import { allCorrect, expectNumbers, flatBatches, type Sequence } from "./flat_batch.ts";
import type { NeedleResult } from "./result.ts";
import { sideBySide } from "./side_by_side.ts";
import { share } from "./wilson.ts";
import { Work, type WorkDone } from "./work.ts";

export interface NeedleOptions {
  /** Of the evaluation, for messages. */
  name: string;
  /** They share the questions. */
  engines: readonly Pick<NativeEngine, "score">[];
  /** Most tokens that an engine takes at once. */
  maxTokens: number;
  /** Text of `length` tokens with the needle at `depth` and the answer at its end; `number` tells samples of a cell apart. */
  sample: (length: number, depth: number, number: number) => Promise<Sequence>;
  progress: (done: WorkDone) => void;
  /** Cost of a row of so many tokens, in any unit. */
  cost: (length: number) => number;
  stop: StopSignal;
}

/**
 * Needle in a haystack by teacher forcing: text and right answer are read in one pass, and a sample counts as right when every answer
 * token is the most likely one after what stands before it. That equals an exact match of greedy decoding, for one
 * forward pass instead of many.
 */
export async function needleMap(settings: PlanNeedle, options: NeedleOptions): Promise<NeedleResult> {
  const began = performance.now();
  const work = new Work(settings.lengths, settings.depths.length * settings.samples, options.cost);
  const correct = settings.lengths.map(() => settings.depths.map(() => 0));
  await sideBySide(
    questions(settings, options.maxTokens),
    options.engines,
    async ({ row, column, numbers }, engine) => {
      options.stop.throwIfRequested();
      const [length, depth] = [settings.lengths[row]!, settings.depths[column]!];
      const sequences = await Promise.all(numbers.map((number) => options.sample(length, depth, number)));
      for (const { batch, placed } of flatBatches(sequences, options.maxTokens)) {
        const score = await engine.score(batch);
        for (const place of placed) expectNumbers(options.name, score, place);
        correct[row]![column]! += placed.filter((place) => allCorrect(score, place)).length;
      }
      options.progress(work.add(length, numbers.length));
    },
  );
  const cells = settings.lengths.flatMap((length, row) =>
    settings.depths.map((depth, column) => ({ length, depth, ...share(correct[row]![column]!, settings.samples) })),
  );
  const together = (some: NeedleResult["cells"]) =>
    share(
      some.reduce((sum, cell) => sum + cell.correct, 0),
      some.reduce((sum, cell) => sum + cell.total, 0),
    );
  return {
    settings,
    cells,
    lengths: settings.lengths.map((length) => ({
      length,
      ...together(cells.filter((cell) => cell.length === length)),
    })),
    overall: together(cells),
    seconds: (performance.now() - began) / 1000,
  };
}

/** Samples of a cell that are asked at once: as many as an engine takes. */
function* questions({ lengths, depths, samples }: PlanNeedle, maxTokens: number) {
  for (const [row, length] of lengths.entries()) {
    const most = Math.max(1, Math.floor(maxTokens / length));
    for (const column of depths.keys()) {
      for (let first = 0; first < samples; first += most) {
        yield { row, column, numbers: Array.from({ length: Math.min(most, samples - first) }, (_, i) => first + i) };
      }
    }
  }
}

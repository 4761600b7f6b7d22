import type { PlanPerplexity } from "../../compiler/plan.ts";
import type { NativeEngine, NativeScore } from "../engine/addon.ts";
import type { StopSignal } from "../run/events.ts";
import { PositionTally } from "./buckets.ts";
import { expectNumbers, flatBatches } from "./flat_batch.ts";
import type { PerplexityResult } from "./result.ts";
import { sideBySide } from "./side_by_side.ts";
import { Work, type WorkDone } from "./work.ts";

export interface PerplexityOptions {
  /** Of the evaluation, for messages. */
  name: string;
  /** They share the windows. */
  engines: readonly Pick<NativeEngine, "score">[];
  /** Most tokens that an engine takes at once. */
  maxTokens: number;
  /** `count` windows of `length` + 1 tokens of held-out text; fewer when there is not more text. */
  windows: (length: number, count: number) => Promise<Int32Array[]>;
  progress: (done: WorkDone) => void;
  /** Cost of a window of so many tokens, in any unit. */
  cost: (length: number) => number;
  stop: StopSignal;
}

/**
 * Mean negative log-likelihood of held-out text, by position in the window. Windows of one length share no token, and each
 * is scored in one pass, so position t always means "with exactly t tokens before". All scored tokens weigh the same;
 * perplexity is exp(mean NLL).
 */
export async function perplexityByPosition(
  settings: PlanPerplexity,
  options: PerplexityOptions,
): Promise<PerplexityResult> {
  const began = performance.now();
  const work = new Work(settings.lengths, settings.samples, options.cost);
  const lengths: PerplexityResult["lengths"] = [];
  for (const length of settings.lengths) {
    const tally = new PositionTally(length);
    const windows = await options.windows(length, settings.samples);
    const sequences = windows.map((ids) => ({ ids, from: 1, to: ids.length }));
    const batches = flatBatches(sequences, options.maxTokens);
    const scores = new Map<number, NativeScore>(); // those that one before them is still missing of: a sum depends on its order
    let added = 0;
    await sideBySide(batches.entries(), options.engines, async ([number, { batch, placed }], engine) => {
      options.stop.throwIfRequested();
      const score = await engine.score(batch);
      for (const place of placed) expectNumbers(options.name, score, place);
      scores.set(number, score);
      for (let next = scores.get(added); next; next = scores.get(added)) {
        for (const { sequence, offset } of batches[added]!.placed)
          tally.add(next.nll.subarray(offset, offset + sequence.ids.length - 1));
        scores.delete(added++);
      }
      options.progress(work.add(length, placed.length));
    });
    if (windows.length < settings.samples) work.add(length, settings.samples - windows.length);
    lengths.push({ length, windows: tally.windows, ...tally.total(), buckets: tally.buckets() });
  }
  return { settings, lengths, seconds: (performance.now() - began) / 1000 };
}

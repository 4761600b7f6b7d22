import { KIND } from "../data/row.ts";
import type { MicroBatch } from "../data/stream.ts";
import type { NativeScore } from "../engine/addon.ts";

export interface StepLosses {
  /** What is minimised: the weights of a step add up to 1. null, as the others, where it is no finite number. */
  loss: number | null;
  text_loss: number | null;
  answer_loss: number | null;
  answer_accuracy: number | null;
}

/** Adds up what the micro batches of one optimizer step scored, in float64 and in order. */
export class LossTally {
  #weighted = 0;
  #text = 0;
  #textTokens = 0;
  #answers = 0;
  #answerTokens = 0;
  #right = 0;

  add({ batch, kinds }: Pick<MicroBatch, "batch" | "kinds">, score: NativeScore): void {
    for (let t = 0; t < kinds.length; t++) {
      const weight = batch.weights[t]!;
      // What is not minimised is not reported either: nobody can foretell a needle's own digits.
      if (weight === 0) continue;
      const nll = score.nll[t]!;
      this.#weighted += nll * weight;
      if (kinds[t] === KIND.answer) {
        this.#answers += nll;
        this.#answerTokens++;
        this.#right += score.correct[t]!;
      } else if (kinds[t] === KIND.text) {
        this.#text += nll;
        this.#textTokens++;
      }
    }
  }

  /** The weighted sum as it is, NaN and infinity included. */
  get sum(): number {
    return this.#weighted;
  }

  result(): StepLosses {
    const mean = (sum: number, count: number) => (count > 0 ? finite(sum / count) : null);
    return {
      loss: finite(this.#weighted),
      text_loss: mean(this.#text, this.#textTokens),
      answer_loss: mean(this.#answers, this.#answerTokens),
      answer_accuracy: mean(this.#right, this.#answerTokens),
    };
  }
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

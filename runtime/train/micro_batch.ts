import type { NativeBatch, NativeScore } from "../engine/addon.ts";

/** One row of an optimizer step as the data stream gives it; all arrays have the row's length. */
export interface TrainingRow {
  ids: Int32Array;
  /** RoPE positions. */
  positions: Int32Array;
  /** Index within the row of the first token that token t may see. */
  starts: Int32Array;
  /** Token to predict after `ids[t]`; -100: none. */
  targets: Int32Array;
  /** Weight of each target in the loss. */
  weights: Float32Array;
  /** 1 where the target belongs to the answer of a synthetic question. */
  answers: Uint8Array;
}

/** Sum of the weights of all targets: what an optimizer step's loss is divided by, whatever the micro batches. */
export function totalWeight(rows: TrainingRow[]): number {
  let total = 0;
  for (const row of rows) {
    for (let t = 0; t < row.targets.length; t++) if (row.targets[t] !== -100) total += row.weights[t]!;
  }
  return total;
}

/** Lays rows end to end as the engine wants them, with weights that add up to the rows' share of the step. */
export function microBatch(rows: TrainingRow[], total: number): NativeBatch {
  const tokens = rows.reduce((sum, row) => sum + row.ids.length, 0);
  const batch = {
    ids: new Int32Array(tokens),
    positions: new Int32Array(tokens),
    starts: new Int32Array(tokens),
    targets: new Int32Array(tokens),
    weights: new Float32Array(tokens),
  };
  let offset = 0;
  for (const row of rows) {
    batch.ids.set(row.ids, offset);
    batch.positions.set(row.positions, offset);
    batch.targets.set(row.targets, offset);
    for (let t = 0; t < row.ids.length; t++) {
      batch.starts[offset + t] = offset + row.starts[t]!;
      batch.weights[offset + t] = row.weights[t]! / total;
    }
    offset += row.ids.length;
  }
  return batch;
}

/** Adds up what one optimizer step's micro batches scored. Means over tokens, in float64. */
export class LossTally {
  #weighted = 0;
  #text = 0;
  #textTokens = 0;
  #answers = 0;
  #answerTokens = 0;
  #right = 0;

  add(rows: TrainingRow[], batch: NativeBatch, score: NativeScore): void {
    let offset = 0;
    for (const row of rows) {
      for (let t = 0; t < row.targets.length; t++) {
        if (row.targets[t] === -100) continue;
        const nll = score.nll[offset + t]!;
        // A target of weight 0 is neither minimised nor reported: needles' own digits cannot be known.
        const weight = batch.weights![offset + t]!;
        if (weight === 0) continue;
        this.#weighted += nll * weight;
        if (row.answers[t]) {
          this.#answers += nll;
          this.#answerTokens++;
          this.#right += score.correct[offset + t]!;
        } else {
          this.#text += nll;
          this.#textTokens++;
        }
      }
      offset += row.targets.length;
    }
  }

  result(): { loss: number; text_loss: number | null; answer_loss: number | null; answer_accuracy: number | null } {
    return {
      loss: this.#weighted,
      text_loss: this.#textTokens > 0 ? this.#text / this.#textTokens : null,
      answer_loss: this.#answerTokens > 0 ? this.#answers / this.#answerTokens : null,
      answer_accuracy: this.#answerTokens > 0 ? this.#right / this.#answerTokens : null,
    };
  }
}

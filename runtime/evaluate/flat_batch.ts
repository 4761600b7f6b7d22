import type { NativeBatch, NativeScore } from "../engine/addon.ts";
import { Failure } from "../run/failure.ts";

/** One sequence to score: a token sees all tokens before it in the same sequence. */
export interface Sequence {
  ids: Int32Array;
  /** Positions t whose token is scored, from ≤ t < to; t counts from 1 (nothing predicts the first token). */
  from: number;
  to: number;
}

/** How a scored sequence's values lie in its batch: the value of token t is at `offset + t - 1`. */
export interface Placed {
  sequence: Sequence;
  offset: number;
}

/**
 * Lays sequences end to end into batches of at most `maxTokens`, so that many short ones are computed at once. The last token of a sequence
 * predicts nothing and is left out. Order is kept.
 */
export function flatBatches(sequences: Sequence[], maxTokens: number): { batch: NativeBatch; placed: Placed[] }[] {
  const groups: Sequence[][] = [];
  let tokens = 0;
  for (const sequence of sequences) {
    const length = sequence.ids.length - 1;
    if (length > maxTokens)
      throw new RangeError(`a sequence of ${length} tokens is longer than the engine's ${maxTokens}`);
    if (groups.length === 0 || tokens + length > maxTokens) {
      groups.push([]);
      tokens = 0;
    }
    groups.at(-1)!.push(sequence);
    tokens += length;
  }
  return groups.map(layOut);
}

function layOut(sequences: Sequence[]): { batch: NativeBatch; placed: Placed[] } {
  const tokens = sequences.reduce((sum, sequence) => sum + sequence.ids.length - 1, 0);
  const ids = new Int32Array(tokens);
  const positions = new Int32Array(tokens);
  const starts = new Int32Array(tokens);
  const targets = new Int32Array(tokens).fill(-100);
  const placed: Placed[] = [];
  let offset = 0;
  for (const sequence of sequences) {
    const length = sequence.ids.length - 1;
    ids.set(sequence.ids.subarray(0, length), offset);
    for (let t = 0; t < length; t++) positions[offset + t] = t;
    starts.fill(offset, offset, offset + length);
    for (let t = Math.max(1, sequence.from); t < Math.min(sequence.to, length + 1); t++) {
      targets[offset + t - 1] = sequence.ids[t]!;
    }
    placed.push({ sequence, offset });
    offset += length;
  }
  return { batch: { ids, positions, starts, targets }, placed };
}

/**
 * Refuses a score that is no number: a mean over it would be none either, and "0% right" would say something of a model that says nothing.
 *
 * @param name of the evaluation
 * @throws Failure that names the place
 */
export function expectNumbers(name: string, score: NativeScore, { sequence, offset }: Placed): void {
  for (let t = Math.max(1, sequence.from); t < Math.min(sequence.to, sequence.ids.length); t++) {
    const nll = score.nll[offset + t - 1]!;
    if (Number.isFinite(nll)) continue;
    throw new Failure(
      "run",
      `evaluation ${name}: the model's prediction of token ${t + 1} of ${sequence.ids.length} is no number (${nll}): its weights are finite, but what it computes from them is not`,
      "its training has diverged, or its RoPE makes scores that overflow: evaluate the model before it, and lower the learning rate",
    );
  }
}

/** Whether every scored token of a sequence was the model's first choice. */
export function allCorrect(score: NativeScore, { sequence, offset }: Placed): boolean {
  for (let t = Math.max(1, sequence.from); t < sequence.to; t++) if (score.correct[offset + t - 1] !== 1) return false;
  return true;
}

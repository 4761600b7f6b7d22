import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { DataError } from "./data_error.ts";
import { Random } from "./random.ts";
import { KIND } from "./row.ts";
import { needleForm, spell } from "./spelling.ts";

/** A needle test for scoring by teacher forcing: right when every answer token is the most likely one. */
export interface NeedleSample {
  /** Exactly `length` ids: bos where the tokenizer has one, text, needle, text, question, answer. */
  ids: Int32Array;
  /** Index of the answer's first token; it is predicted by the token before it. */
  answerStart: number;
  answerLength: number;
}

/** A number of this many digits, each uniform; it may begin with 0. */
export function randomDigits(digits: number, random: Random): string {
  let value = "";
  for (let i = 0; i < digits; i++) value += random.between(0, 9);
  return value;
}

/** Values that a needle's size is taken from: with some tokenizers one number takes more tokens than another. */
const TRIED = 32;

/** Tokens that a needle sample takes besides the text around it, at most as far as a few dozen values tell. */
export async function needleTokens(digits: number, tokenizer: Tokenizer): Promise<number> {
  const form = await needleForm(tokenizer, "needle");
  const random = Random.of("needle size", digits);
  let most = 0;
  for (let i = 0; i < TRIED; i++) {
    const value = randomDigits(digits, random);
    const statement = await spell(tokenizer, form.statement(value, ""));
    const question = await spell(tokenizer, form.question(value, ""));
    most = Math.max(most, statement.ids.length + question.ids.length);
  }
  return most + (tokenizer.bos === null ? 0 : 1);
}

/**
 * Hides a pass key in text and asks for it at the end: the evaluation's twin of the training rows of `synthesize = needle(…)`.
 *
 * @param haystack tokens of the text around; the first ones are used
 * @param length tokens of the sample, question and answer included
 * @param depth 0: needle at the very start; 1: right before the question
 * @throws DataError when the haystack or the length is too short
 */
export async function needleSample(
  haystack: Int32Array,
  length: number,
  depth: number,
  digits: number,
  random: Random,
  tokenizer: Tokenizer,
): Promise<NeedleSample> {
  const form = await needleForm(tokenizer, "needle");
  const value = randomDigits(digits, random);
  const statement = await spell(tokenizer, form.statement(value, ""));
  const question = await spell(tokenizer, form.question(value, ""));
  const opening = tokenizer.bos === null ? [] : [tokenizer.bos];
  const around = length - opening.length - statement.ids.length - question.ids.length;
  if (around < 0) {
    const least = length - around;
    throw new DataError(
      `a needle sample needs at least ${least} tokens with this tokenizer, but the length is ${length}`,
      "ask at longer lengths, or for fewer digits",
    );
  }
  if (haystack.length < around)
    throw new DataError(
      `a needle sample of ${length} tokens needs ${around} tokens of text, but there are ${haystack.length}`,
      "give the haystack more text",
    );

  const place = Math.round(Math.min(1, Math.max(0, depth)) * around);
  const ids = new Int32Array(length);
  let at = 0;
  for (const part of [
    opening,
    haystack.subarray(0, place),
    statement.ids,
    haystack.subarray(place, around),
    question.ids,
  ]) {
    ids.set(part, at);
    at += part.length;
  }
  const answerLength = question.kinds.filter((kind) => kind === KIND.answer).length;
  return { ids, answerStart: length - answerLength, answerLength };
}

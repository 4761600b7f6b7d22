import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { DataError } from "./data_error.ts";
import { KIND } from "./row.ts";

/** Part of a sentence with what its tokens are as targets. */
export interface Part {
  text: string;
  kind: number;
}

/** Tokens with their kinds. */
export interface Spelled {
  ids: Int32Array;
  kinds: Uint8Array;
}

/**
 * Encodes a sentence whole and finds each part's tokens in it: a part ends where the sentence up to there, encoded
 * by itself, ends.
 *
 * @throws DataError when a part doesn't end at a token's end, which would blur what is question and what is answer
 */
export async function spell(tokenizer: Tokenizer, parts: Part[]): Promise<Spelled> {
  const texts = parts.map((_, i) =>
    parts
      .slice(0, i + 1)
      .map((p) => p.text)
      .join(""),
  );
  const encoded = await tokenizer.encodeAll(texts);
  const ids = encoded.at(-1)!;
  const kinds = new Uint8Array(ids.length);
  let from = 0;
  for (const [i, prefix] of encoded.entries()) {
    if (prefix.some((id, t) => ids[t] !== id))
      throw new DataError(
        `the tokenizer joins the end of ${JSON.stringify(parts[i]!.text)} with what follows it in ${JSON.stringify(texts.at(-1))}`,
        OTHER,
      );
    kinds.fill(parts[i]!.kind, from, prefix.length);
    from = prefix.length;
  }
  return { ids, kinds };
}

const OTHER = "leave these questions out of the recipe, or use a model with another tokenizer";

/** What is hidden and how it is asked for; `name` where there are several. */
export interface NeedleForm {
  statement(value: string, name: string): Part[];
  /** Ends with the answer; nothing follows it. */
  question(value: string, name: string): Part[];
}

const text = (words: string): Part => ({ text: words, kind: KIND.text });
const prompt = (words: string): Part => ({ text: words, kind: KIND.prompt });
const answer = (words: string): Part => ({ text: words, kind: KIND.answer });

/** The space before a value belongs to the words before it, or to the value: whichever the tokenizer keeps apart. */
const SPACINGS = [
  { after: " ", before: "" },
  { after: "", before: " " },
];
type Spacing = (typeof SPACINGS)[number];

const FORMS: { [kind in "needle" | "passkey" | "named"]: (s: Spacing) => NeedleForm } = {
  needle: ({ after, before }) => ({
    statement: (v) => [text(` The pass key is${after}`), prompt(before + v), text(".")],
    question: (v) => [text(` The pass key is${after}`), answer(before + v)],
  }),
  // Landmark attention's passkey sentences (Mohtashami and Jaggi 2305.16300), in real text.
  passkey: ({ after, before }) => ({
    statement: (v) => [
      text(` The pass key is${after}`),
      prompt(before + v),
      text(`. Remember it.${after}`),
      text(before + v),
      text(" is the pass key."),
    ],
    question: (v) => [text(` What is the pass key? The pass key is${after}`), answer(before + v)],
  }),
  named: ({ after, before }) => ({
    statement: (v, n) => [
      text(` The pass key of${after}`),
      prompt(before + n),
      text(` is${after}`),
      prompt(before + v),
      text("."),
    ],
    question: (v, n) => [text(` The pass key of${after}`), prompt(before + n), text(` is${after}`), answer(before + v)],
  }),
};

/** Values tried before a form is trusted. */
const SAMPLES = ["482193", "007", "99", "1000000", "31415926", "5"];

/**
 * The sentences of a kind of needle, spelled so that this tokenizer keeps questions and answers apart.
 *
 * @throws DataError when it does so in no way, or when its ids don't survive decoding and encoding again
 */
export function needleForm(tokenizer: Tokenizer, kind: keyof typeof FORMS): Promise<NeedleForm> {
  const forms = proven.get(tokenizer) ?? new Map<keyof typeof FORMS, Promise<NeedleForm>>();
  const form = forms.get(kind) ?? proveForm(tokenizer, kind);
  proven.set(tokenizer, forms.set(kind, form));
  return form;
}

/** Forms already tried, by tokenizer: an evaluation asks for the same one thousands of times. */
const proven = new WeakMap<Tokenizer, Map<keyof typeof FORMS, Promise<NeedleForm>>>();

async function proveForm(tokenizer: Tokenizer, kind: keyof typeof FORMS): Promise<NeedleForm> {
  let problem: unknown;
  for (const spacing of SPACINGS) {
    const form = FORMS[kind](spacing);
    try {
      for (const value of SAMPLES)
        for (const parts of [form.statement(value, "4821"), form.question(value, "4821")]) {
          const { ids } = await spell(tokenizer, parts);
          const again = await tokenizer.encode(await tokenizer.decode(ids));
          if (again.length !== ids.length || again.some((id, t) => id !== ids[t]))
            throw new DataError(
              `${JSON.stringify(parts.map((p) => p.text).join(""))} doesn't survive decoding and encoding again`,
              OTHER,
            );
        }
      return form;
    } catch (error) {
      problem ??= error;
    }
  }
  throw new DataError(
    `this tokenizer can't be used for ${kind} questions: ${problem instanceof Error ? problem.message : String(problem)}`,
    OTHER,
  );
}

/**
 * How text is cut into words before BPE merges run inside each word: the GPT-4 / Llama-3 rule, with one change. Numbers are cut
 * into groups of at most two digits (from the left) instead of three, so that 110 tokens cover every number and even
 * a small model sees each of them often enough to learn to copy it.
 */

/** Regular expression in the dialect of the Rust `tokenizers` library (Oniguruma). */
export const SPLIT_PATTERN = [
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)", // English contractions
  "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+", // a word with at most one leading space or mark
  "\\p{N}{1,2}", // digits, two at a time
  " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*", // punctuation with the line breaks after it
  "\\s*[\\r\\n]+", // line breaks with the white space before them
  "\\s+(?!\\S)", // white space up to the last character of a run, which belongs to the next word
  "\\s+",
].join("|");

/** Oniguruma's `\s`. JavaScript's lacks U+0085 and has U+FEFF besides. */
const SPACE = "\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

/** The same rule for JavaScript's engine, with the inline case-insensitive group written out (ſ folds to s). */
const WORDS = new RegExp(
  [
    "'(?:[sS\\u017f]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])",
    "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+",
    "\\p{N}{1,2}",
    ` ?[^${SPACE}\\p{L}\\p{N}]+[\\r\\n]*`,
    `[${SPACE}]*[\\r\\n]+`,
    `[${SPACE}]+(?![^${SPACE}])`,
    `[${SPACE}]+`,
  ].join("|"),
  "gu",
);

/** Words counted between two breaths. */
const TURN = 2 ** 14;

/** Adds the words of `text` to `counts` (word → occurrences). `breathe` is awaited now and then, and after the last. */
export async function countWords(
  text: string,
  counts: Map<string, number>,
  breathe: () => Promise<void> = async () => {},
): Promise<void> {
  let words = 0;
  for (const [word] of text.matchAll(WORDS)) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
    if (++words % TURN === 0) await breathe();
  }
  await breathe();
}

import type { TokenizerFile } from "./tokenizer_file.ts";

/**
 * The library needs about 100 bytes of memory for each byte of text in one call, so long documents are encoded in pieces. Where a
 * text may be cut without changing a single id depends on the tokenizer.
 *
 * For the GPT-4 family of pre-tokenisation patterns (Llama-3, Qwen2/3, our own), a cut between a line break and an ASCII
 * letter is exact. No alternative matches across it: the letter alternative may not begin with a line break, the
 * punctuation alternative ends with its line breaks, and `\s*[\r\n]+`, which stands before both `\s+` alternatives, ends a
 * white-space run at its last line break. The pattern has no look-behind, so what follows is matched as at the start of a
 * text; before the cut, the last match ends with the line break whether or not text follows. NFC neither: an ASCII letter never
 * composes with what precedes it. GPT-2's pattern and SentencePiece-like tokenizers do not have this property.
 */
const FAMILY =
  /^\(\?i:'s\|'t\|'re\|'ve\|'m\|'ll\|'d\)\|\[\^\\r\\n\\p\{L\}\\p\{N\}\]\?\\p\{L\}\+\|\\p\{N\}(\{1,\d\})?\| \?\[\^\\s\\p\{L\}\\p\{N\}\]\+\[\\r\\n\]\*\|\\s\*\[\\r\\n\]\+\|\\s\+\(\?!\\S\)\|\\s\+$/;

interface PreTokenizer {
  type: string;
  pretokenizers?: PreTokenizer[];
  pattern?: { Regex?: string };
  behavior?: string;
  invert?: boolean;
  add_prefix_space?: boolean;
  use_regex?: boolean;
}

/** Whether texts may be cut by `cutPoint` without changing ids. */
export function splitsExactly(json: TokenizerFile): boolean {
  const sequence = (json.pre_tokenizer as PreTokenizer | null | undefined)?.pretokenizers;
  const [split, bytes, ...more] = Array.isArray(sequence) ? (sequence as (PreTokenizer | null)[]) : [];
  return (
    json.model.type === "BPE" &&
    (json.normalizer === null || json.normalizer === undefined || json.normalizer.type === "NFC") &&
    more.length === 0 &&
    split?.type === "Split" &&
    FAMILY.test(split.pattern?.Regex ?? "") &&
    split.behavior === "Isolated" &&
    split.invert !== true &&
    bytes?.type === "ByteLevel" &&
    bytes.add_prefix_space === false &&
    bytes.use_regex === false &&
    json.added_tokens.every((token) => !token.lstrip && !/[\r\n]/.test(token.content))
  );
}

/** The first place at or after `from` where `text` may be cut; -1 when there is none. */
export function cutPoint(text: string, from: number): number {
  for (let at = text.indexOf("\n", Math.max(0, from - 1)); at >= 0; at = text.indexOf("\n", at + 1)) {
    const next = text.charCodeAt(at + 1) | 0x20;
    if (next >= 0x61 && next <= 0x7a) return at + 1;
  }
  return -1;
}

/** Cuts a text into pieces of about `size` UTF-16 units. */
export function cut(text: string, size: number): string[] {
  const pieces: string[] = [];
  let start = 0;
  while (text.length - start > size) {
    const end = cutPoint(text, start + size);
    if (end < 0) break;
    pieces.push(text.slice(start, end));
    start = end;
  }
  pieces.push(text.slice(start));
  return pieces;
}

import type { TokenizerFile } from "./tokenizer_file.ts";

/**
 * Text from the wild may contain "<|eot_id|>" as eight ordinary characters; encoded as it stands it would become the control
 * token and end a turn in the middle of a document. Documents are therefore encoded by a second tokenizer in which
 * special tokens cannot be matched, and their spelling falls apart into ordinary tokens.
 *
 * Ids of added tokens are given out by the library in order of appearance, not read from the file, so special tokens are
 * renamed to something no text contains (a noncharacter), never removed: the ids of the others stay what they were.
 */
export function neutralize(json: TokenizerFile): TokenizerFile {
  const { vocab, merges, unk_token } = json.model;
  const special = json.added_tokens.filter((token) => token.special);
  const unmatchable = (id: number) => `\u{10fffe}${id}\u{10ffff}`;

  const plain: TokenizerFile = {
    ...json,
    truncation: null,
    padding: null,
    // A special token that is also a vocabulary entry takes its id from there and can be left out.
    added_tokens: json.added_tokens
      .filter((token) => !token.special || Array.isArray(vocab) || !Object.hasOwn(vocab, token.content))
      .map((token) => (token.special ? { ...token, content: unmatchable(token.id) } : token)),
  };
  if (Array.isArray(vocab) || !special.some((token) => Object.hasOwn(vocab, token.content))) return plain;

  // In the vocabulary the name must go too: `ignore_merges` looks whole words up.
  const inMerges = new Set(
    (merges ?? []).map((merge) => (typeof merge === "string" ? merge.replace(" ", "") : merge.join(""))),
  );
  const renamed = { ...vocab };
  for (const { content } of special) {
    const id = renamed[content];
    if (id === undefined || content === unk_token || inMerges.has(content)) continue;
    delete renamed[content];
    renamed[unmatchable(id)] = id;
  }
  return { ...plain, model: { ...json.model, vocab: renamed } };
}

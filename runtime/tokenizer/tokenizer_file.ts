import { readFile, stat } from "node:fs/promises";
import { parseJson } from "../../compiler/json.ts";
import { DataError, reason } from "../data/data_error.ts";

/** The parts of a tokenizer.json that this folder looks at. Everything else is left to the `tokenizers` library. */
export interface TokenizerFile {
  added_tokens: AddedToken[];
  normalizer: { type: string } | null;
  pre_tokenizer: unknown;
  truncation: unknown;
  padding: unknown;
  model: {
    type: string;
    /** An object for BPE and WordPiece, a list of [token, score] for Unigram. */
    vocab: { [token: string]: number } | [string, number][];
    merges?: (string | [string, string])[];
    unk_token?: string | null;
    continuing_subword_prefix?: unknown;
  };
}

export interface AddedToken {
  id: number;
  content: string;
  special: boolean;
  lstrip: boolean;
  rstrip: boolean;
}

/** Ids that the engine can hold. */
const MOST_IDS = 2 ** 31;

/** Larger files are not tokenizers. The largest in use (256K tokens with merges) are about 35 MB. */
const LARGEST_FILE = 256 * 2 ** 20;

/** What to do about a tokenizer's file that is not as it should be. */
export const ANEW = "copy the tokenizer's files anew from the model";

/** Reads a JSON file of at most 256 MiB. */
export async function readJson(file: string): Promise<unknown> {
  const size = await stat(file).then(
    (s) => (s.isFile() ? s.size : undefined),
    () => undefined,
  );
  if (size === undefined) throw new DataError("no such file", "put the model's tokenizer.json there", { file });
  if (size > LARGEST_FILE) throw new DataError(`${size} bytes is too large for a tokenizer's file`, ANEW, { file });
  try {
    return parseJson(await readFile(file, "utf8"));
  } catch (error) {
    throw new DataError(`not valid JSON (${reason(error)})`, `the file may be truncated: ${ANEW}`, { file });
  }
}

/** Reads and checks a tokenizer.json as far as ctx looks into it. */
export async function readTokenizerFile(file: string): Promise<TokenizerFile> {
  const json = (await readJson(file)) as TokenizerFile | null;
  const vocab = json?.model?.vocab;
  if (typeof vocab !== "object" || vocab === null)
    throw new DataError('expected a Hugging Face tokenizer.json with "model" and "vocab"', ANEW, { file });
  const { added_tokens: added, model } = json!;
  if (added !== undefined && !Array.isArray(added))
    throw new DataError('"added_tokens" must be a list', ANEW, { file });
  if (typeof model.type !== "string") throw new DataError('"model" must have a "type"', ANEW, { file });
  const isId = (id: unknown) => Number.isInteger(id) && (id as number) >= 0 && (id as number) < MOST_IDS;
  const isEntry = (entry: unknown) => Array.isArray(entry) && typeof entry[0] === "string";
  const wrong = Array.isArray(vocab)
    ? vocab.findIndex((entry) => !isEntry(entry))
    : Object.entries(vocab).find(([, id]) => !isId(id))?.[0];
  if (wrong !== undefined && wrong !== -1)
    throw new DataError(`the vocabulary's entry ${JSON.stringify(wrong)} is not as it should be`, ANEW, { file });
  const { merges } = model;
  const isMerge = (merge: unknown) =>
    typeof merge === "string" ||
    (Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === "string"));
  if (merges !== undefined && !(Array.isArray(merges) && merges.every(isMerge)))
    throw new DataError('"merges" must be a list of pairs', ANEW, { file });
  const strange = strangeMerge(model);
  if (strange !== null)
    throw new DataError(`the merge ${JSON.stringify(strange)} is of no use: ${OF_USE}`, ANEW, { file });
  for (const [i, token] of (added ?? []).entries())
    if (!isId(token?.id) || typeof token.content !== "string")
      throw new DataError(`token ${i} of "added_tokens" must have an "id" and a "content"`, ANEW, { file });
  return { ...json!, added_tokens: json?.added_tokens ?? [] };
}

const OF_USE = "both parts, and what they become, must be in the vocabulary";

/**
 * A merge that the library could not carry out: it takes for granted that the tokens are there, and that the second part begins with the
 * prefix of continuing subwords where there is one, and ends the process where they are not.
 */
function strangeMerge({ vocab, merges, continuing_subword_prefix: prefix }: TokenizerFile["model"]): string | null {
  if (Array.isArray(vocab) || merges === undefined) return null;
  const known = (token: string) => Object.hasOwn(vocab, token);
  const start = typeof prefix === "string" ? prefix : "";
  for (const merge of merges) {
    const [left, right, more] = typeof merge === "string" ? merge.split(" ") : [...merge, undefined];
    if (left === undefined || right === undefined || more !== undefined) return String(merge);
    if (!known(left) || !known(right) || !right.startsWith(start) || !known(left + right.slice(start.length)))
      return `${left} ${right}`;
  }
  return null;
}

/** Largest token id + 1. */
export function vocabularySize(json: TokenizerFile): number {
  let largest = Array.isArray(json.model.vocab) ? json.model.vocab.length - 1 : -1;
  if (!Array.isArray(json.model.vocab))
    for (const id of Object.values(json.model.vocab)) if (id > largest) largest = id;
  for (const { id } of json.added_tokens) if (id > largest) largest = id;
  return largest + 1;
}

/** Looks a token up by its spelling: added tokens first, as the library does. */
export function tokenIds(json: TokenizerFile): (token: string) => number | undefined {
  const added = new Map(json.added_tokens.map((token) => [token.content, token.id]));
  const { vocab } = json.model;
  return (token) => {
    const id = added.get(token);
    if (id !== undefined) return id;
    if (!Array.isArray(vocab)) return Object.hasOwn(vocab, token) ? vocab[token] : undefined;
    const index = vocab.findIndex((entry) => entry[0] === token);
    return index < 0 ? undefined : index;
  };
}

import { join } from "node:path";
import { StopSignal } from "../run/events.ts";
import { makeFolders, writeSynced } from "../run/files.ts";
import { countWords, SPLIT_PATTERN } from "./pretokenize.ts";
import { type BpeModel, trainBpeInTurns } from "./train_bpe.ts";

/** A byte-level BPE tokenizer trained by `trainTokenizer`, as the two files that Hugging Face's libraries read. */
export interface TrainedTokenizer {
  /** Text of tokenizer.json. */
  tokenizer: string;
  /** Text of tokenizer_config.json. */
  config: string;
  /** Tokens in all; smaller than asked when the corpus holds too few repeated pairs. */
  vocab: number;
  bos: number | null;
  eos: number | null;
}

export const BOS = "<|bos|>";
export const EOS = "<|eos|>";

/**
 * Trains a byte-level BPE tokenizer on texts. Same texts in any order, same tokenizer.
 *
 * @param vocab tokens in all, special ones included
 * @param special which special tokens to have; `<|bos|>` and `<|eos|>` take the first ids
 * @param stop ends it when asked to
 */
export async function trainTokenizer(
  texts: Iterable<string> | AsyncIterable<string>,
  vocab: number,
  special: { bos: boolean; eos: boolean } = { bos: false, eos: false },
  stop: StopSignal = new StopSignal(),
): Promise<TrainedTokenizer> {
  const breathe = () => stop.breathe();
  const words = new Map<string, number>();
  for await (const text of texts) await countWords(text, words, breathe);
  const specials = [...(special.bos ? [BOS] : []), ...(special.eos ? [EOS] : [])];
  const model = await trainBpeInTurns(words, { vocab, specials }, breathe);
  const id = (token: string) => (specials.includes(token) ? specials.indexOf(token) : null);
  return {
    tokenizer: tokenizerJson(model, specials),
    config: tokenizerConfigJson(specials),
    vocab: model.vocab.length,
    bos: id(BOS),
    eos: id(EOS),
  };
}

/** Writes tokenizer.json and tokenizer_config.json into a folder, which is made when missing. */
export async function saveTokenizer(folder: string, trained: TrainedTokenizer): Promise<void> {
  makeFolders(folder);
  writeSynced(join(folder, "tokenizer.json"), trained.tokenizer);
  writeSynced(join(folder, "tokenizer_config.json"), trained.config);
}

function tokenizerJson(model: BpeModel, specials: string[]): string {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
  const head = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specials.map((content, id) => ({ id, content, ...flags })),
    normalizer: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: SPLIT_PATTERN }, behavior: "Isolated", invert: false },
        byteLevel,
      ],
    },
    post_processor: specials.includes(BOS) ? bosTemplate(specials.indexOf(BOS)) : byteLevel,
    decoder: byteLevel,
  };
  const bpe = {
    type: "BPE",
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
  };
  // Written line by line: an object would move keys such as "42" to the front, and people do read this file.
  const vocab = model.vocab.map((token, id) => `      ${JSON.stringify(token)}: ${id}`);
  const merges = model.merges.map((merge) => `      ${JSON.stringify(merge)}`);
  return `${JSON.stringify(head, null, 2).slice(0, -2)},
  "model": ${JSON.stringify(bpe, null, 2).replaceAll("\n", "\n  ").slice(0, -4)},
    "vocab": {
${vocab.join(",\n")}
    },
    "merges": [
${merges.join(",\n")}
    ]
  }
}
`;
}

/** Post-processor that puts `<|bos|>` before a text, as training does before a document. */
function bosTemplate(id: number) {
  const special = { SpecialToken: { id: BOS, type_id: 0 } };
  const sequence = (name: string, type_id: number) => ({ Sequence: { id: name, type_id } });
  return {
    type: "TemplateProcessing",
    single: [special, sequence("A", 0)],
    pair: [special, sequence("A", 0), sequence("B", 1)],
    special_tokens: { [BOS]: { id: BOS, ids: [id], tokens: [BOS] } },
  };
}

function tokenizerConfigJson(specials: string[]): string {
  const config = {
    tokenizer_class: "PreTrainedTokenizerFast",
    ...(specials.includes(BOS) ? { bos_token: BOS } : {}),
    ...(specials.includes(EOS) ? { eos_token: EOS } : {}),
    clean_up_tokenization_spaces: false,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

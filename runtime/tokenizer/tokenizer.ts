import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Tokenizer as Library } from "tokenizers";
import { DataError, reason } from "../data/data_error.ts";
import { ChatTemplate } from "./chat_template.ts";
import { neutralize } from "./neutralize.ts";
import { cut, cutPoint, splitsExactly } from "./split.ts";
import { ANEW, readJson, readTokenizerFile, type TokenizerFile, tokenIds, vocabularySize } from "./tokenizer_file.ts";

/** Text handed to the library in one call, in UTF-16 units: bounds its memory to some 100 MB. */
const CALL = 2 ** 20;
/** A longer text is cut where that is exact. */
const PIECE = 2 ** 16;

/** The longest text that the library is given without cutting: it would take some 7 GB. */
const LONGEST = 2 ** 26;

/** Which ids open and close a document, when tokenizer_config.json doesn't say. */
export interface SpecialDefaults {
  bos: number | null;
  eos: number | null;
}

/**
 * A Hugging Face tokenizer. Ids equal those of Hugging Face's own libraries.
 *
 * Two ways of encoding: `encode` for documents, in which the spelling of a special token is ordinary text, and
 * `encodeRendered` for the output of a chat template, in which it is the token. Neither adds special tokens: whoever lays
 * out documents puts `bos` and `eos` between them.
 */
export class Tokenizer {
  private constructor(
    /** Folder with tokenizer.json and its companions. */
    readonly folder: string,
    /** Largest id + 1. */
    readonly vocab: number,
    /** Id put before each document; null: none (Qwen, for one, has none although its config.json names an id). */
    readonly bos: number | null,
    /** Id put after each document. */
    readonly eos: number | null,
    /** SHA-256 of everything that decides the ids, hex. */
    readonly hash: string,
    /** Spellings of the special tokens. */
    readonly specials: ReadonlySet<string>,
    /** null when the tokenizer has none. */
    readonly chat: ChatTemplate | null,
    private readonly plain: Library,
    private readonly buildFull: () => Library,
    private readonly exactCuts: boolean,
  ) {}

  /** The tokenizer as the file has it. Built when first needed: a large vocabulary takes a second. */
  private get full(): Library {
    this.built ??= this.buildFull();
    return this.built;
  }
  private built: Library | undefined;

  /**
   * Loads tokenizer.json and, beside it, tokenizer_config.json and chat_template.jinja where they are.
   *
   * @throws DataError on missing, malformed or hostile files
   */
  static async load(file: string, defaults: SpecialDefaults = { bos: null, eos: null }): Promise<Tokenizer> {
    const json = await readTokenizerFile(file);
    const folder = dirname(file);
    const config = await readConfig(join(folder, "tokenizer_config.json"));
    const build = (parts: TokenizerFile) => {
      try {
        return Library.fromString(JSON.stringify(parts));
      } catch (error) {
        throw new DataError(`the tokenizers library refuses this file: ${reason(error)}`, ANEW, { file });
      }
    };
    const ids = tokenIds(json);
    const special = (key: "bos" | "eos") => {
      if (config === null) return defaults[key];
      const token = config[`${key}_token`];
      const content = typeof token === "string" ? token : (token as { content?: string } | null | undefined)?.content;
      // `add_eos_token` is about prompts: a document ends with eos whatever it says.
      if (content === undefined || (key === "bos" && config.add_bos_token === false)) return null;
      const id = ids(content);
      if (id === undefined)
        throw new DataError(
          `${key}_token ${JSON.stringify(content)} is not in the vocabulary`,
          "tokenizer.json and tokenizer_config.json don't belong together: copy both from the same model",
          { file },
        );
      return id;
    };
    const bos = special("bos");
    const eos = special("eos");
    const chat = await ChatTemplate.load(folder, config);
    const hash = createHash("sha256")
      .update(JSON.stringify([json, bos, eos, chat ? [chat.source, chat.variables] : null]))
      .digest("hex");
    const tokenizer = new Tokenizer(
      folder,
      vocabularySize(json),
      bos,
      eos,
      hash,
      new Set(json.added_tokens.filter((token) => token.special).map((token) => token.content)),
      chat,
      build(neutralize(json)),
      () => build({ ...json, truncation: null, padding: null }),
      splitsExactly(json),
    );
    await tokenizer.checkNeutral(file, new Set([...tokenizer.specials].map(ids)));
    return tokenizer;
  }

  /** Ids of a document's text, without bos and eos. */
  async encode(text: string): Promise<Int32Array> {
    return (await this.encodeAll([text]))[0]!;
  }

  /** Ids of each text. Long texts are cut where that provably changes nothing; the work is spread over the cores. */
  async encodeAll(texts: string[]): Promise<Int32Array[]> {
    const pieces = texts.map((text) => (this.exactCuts ? cut(text, PIECE) : [text]));
    const flat = pieces.flat();
    for (const piece of flat) if (piece.length > LONGEST) throw tooLong(piece);
    const encoded: Int32Array[] = [];
    for (let from = 0; from < flat.length; ) {
      let to = from;
      for (let size = 0; to < flat.length && (to === from || size + flat[to]!.length <= CALL); to++)
        size += flat[to]!.length;
      const batch = await this.plain.encodeBatch(flat.slice(from, to), { addSpecialTokens: false });
      for (const encoding of batch) encoded.push(Int32Array.from(encoding.getIds()));
      from = to;
    }
    let at = 0;
    return pieces.map((list) => {
      const parts = encoded.slice(at, at + list.length);
      at += list.length;
      return parts.length === 1 ? parts[0]! : concatenate(parts);
    });
  }

  /**
   * Ids of a document that comes in parts because it is too long for one string. Tokenizers without exact cuts need it whole.
   */
  async *encodeParts(parts: AsyncIterable<string>): AsyncGenerator<Int32Array> {
    let rest = "";
    for await (const part of parts) {
      rest += part;
      if (rest.length > LONGEST + CALL) throw tooLong(rest);
      if (!this.exactCuts || rest.length < 2 * CALL) continue;
      // Stay clear of the end: the character after a cut must be there to judge it.
      for (let end = cutPoint(rest, CALL); end >= 0 && rest.length >= 2 * CALL; end = cutPoint(rest, CALL)) {
        yield await this.encode(rest.slice(0, end));
        rest = rest.slice(end);
      }
    }
    if (rest.length > 0) yield await this.encode(rest);
  }

  /** Ids of a chat template's output, and where each token starts in it, in code points. */
  async encodeRendered(text: string): Promise<{ ids: Int32Array; offsets: Int32Array }> {
    const encoding = await this.full.encode(text, null, { addSpecialTokens: false });
    return {
      ids: Int32Array.from(encoding.getIds()),
      offsets: Int32Array.from(encoding.getOffsets(), (pair) => pair[0]!),
    };
  }

  /** Text of ids. */
  async decode(ids: ArrayLike<number>, skipSpecial = false): Promise<string> {
    return ids.length === 0 ? "" : this.full.decode(Array.from(ids), skipSpecial);
  }

  /** Spelling of a special or vocabulary token → id. */
  id(token: string): number | null {
    return this.full.tokenToId(token);
  }

  /** Proves that none of the special ids can come out of a document's text. */
  private async checkNeutral(file: string, ids: Set<number | undefined>): Promise<void> {
    const spellings = [...this.specials];
    const encoded = await this.encodeAll(spellings);
    const bad = spellings.find((_, i) => encoded[i]!.some((id) => ids.has(id)));
    if (bad === undefined) return;
    const message = `the special token ${JSON.stringify(bad)} can't be kept out of document text`;
    throw new DataError(message, "use a model with a BPE tokenizer", { file });
  }
}

/** tokenizer_config.json, or null when there is none. */
async function readConfig(file: string): Promise<{ [key: string]: unknown } | null> {
  if (!(await stat(file).catch(() => null))) return null;
  const config = await readJson(file);
  if (typeof config !== "object" || config === null || Array.isArray(config))
    throw new DataError("expected a JSON object", ANEW, { file });
  return config as { [key: string]: unknown };
}

function tooLong(text: string): DataError {
  return new DataError(
    `the document that begins ${JSON.stringify(text.slice(0, 60))} has more than ${LONGEST} characters in one stretch that this tokenizer can't take in pieces`,
    "divide it into several documents",
  );
}

function concatenate(parts: Int32Array[]): Int32Array {
  const all = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

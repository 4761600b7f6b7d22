import type { StopSignal } from "../run/events.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { DataError } from "./data_error.ts";
import type { DocumentColumns, SourceDocument } from "./document.ts";
import type { DataFile } from "./files.ts";
import { readDocuments } from "./read.ts";
import { cached, cacheKey, fingerprint } from "./token_cache.ts";
import { TokenFile, TokenWriter } from "./token_file.ts";

/** Text encoded in one go, in UTF-16 units. */
const BATCH = 2 ** 20;

/** To be raised when the same files and the same tokenizer come to give other tokens: older caches are then passed over. */
const VERSION = 1;

/** Called now and then while a source is tokenised. */
export type TokenizeProgress = (done: { source: string; files: number; ofFiles: number; tokens: number }) => void;

export interface TokenizeOptions {
  /** Name for progress and messages. */
  source: string;
  files: DataFile[];
  columns: DocumentColumns;
  /** `assistant`: only what the assistant says is learned. */
  loss: "all" | "assistant";
  tokenizer: Tokenizer;
  /** The `.ctx-cache` folder. */
  cache: string;
  onProgress?: TokenizeProgress | undefined;
  /** Ends the work when asked to; what is half done is cleared away. */
  stop: StopSignal;
}

/** Tokenises files once; later runs with the same files and the same tokenizer open the result. */
export async function tokenize(options: TokenizeOptions): Promise<TokenFile> {
  const { files, columns, loss, tokenizer, cache } = options;
  const key = cacheKey({
    version: VERSION,
    files: await fingerprint(files, options.stop),
    columns,
    loss,
    tokenizer: tokenizer.hash,
  });
  return cached(cache, `tokens-${key}`, TokenFile.open, async (folder) => {
    const writer = await TokenWriter.create(folder);
    try {
      await tokenizeInto(writer, options);
      await writer.finish();
    } catch (error) {
      await writer.abandon();
      throw error;
    }
  });
}

async function tokenizeInto(writer: TokenWriter, options: TokenizeOptions): Promise<void> {
  const { source, files, columns, loss, tokenizer, onProgress, stop } = options;
  const { bos, eos } = tokenizer;
  let tokens = 0;
  const open = async () => bos !== null && (await writer.append([bos]));
  const close = async () => {
    if (eos !== null) await writer.append([eos]);
    writer.endDocument();
  };

  // Short texts wait for each other: one call of the library for many.
  let waiting: string[] = [];
  let waitingSize = 0;
  const drain = async () => {
    for (const ids of await tokenizer.encodeAll(waiting)) {
      await open();
      await writer.append(ids);
      await close();
      tokens += ids.length;
    }
    waiting = [];
    waitingSize = 0;
  };

  const add = async (document: SourceDocument): Promise<void> => {
    if (document.kind === "text") {
      if (document.text === "") writer.empty++;
      else waitingSize += waiting.push(document.text) && document.text.length;
      if (waitingSize >= BATCH) await drain();
      return;
    }
    await drain();
    if (document.kind === "chat") {
      const { ids, noLoss } = await encodeChat(document, loss, tokenizer);
      await writer.append(ids, noLoss);
      writer.endDocument();
      tokens += ids.length;
      return;
    }
    await open();
    for await (const ids of tokenizer.encodeParts(document.parts)) {
      await stop.breathe();
      await writer.append(ids);
      tokens += ids.length;
    }
    await close();
  };

  for (const [i, file] of files.entries()) {
    for await (const document of readDocuments(file, columns)) {
      await stop.breathe();
      await add(document);
    }
    onProgress?.({ source, files: i + 1, ofFiles: files.length, tokens });
  }
  await drain();
}

/** A conversation's tokens; special tokens are the template's own. */
async function encodeChat(
  document: SourceDocument & { kind: "chat" },
  loss: "all" | "assistant",
  tokenizer: Tokenizer,
): Promise<{ ids: Int32Array; noLoss: Uint8Array | undefined }> {
  const { messages, place } = document;
  if (!tokenizer.chat)
    throw new DataError(
      "this source holds chat messages, but the model's tokenizer has no chat template",
      'put chat_template.jinja beside tokenizer.json, or name a column with plain text: text = "…"',
      place,
    );
  try {
    if (loss === "all")
      return { ids: (await tokenizer.encodeRendered(tokenizer.chat.render(messages, false))).ids, noLoss: undefined };
    const { text, assistant } = tokenizer.chat.renderWithTurns(messages, tokenizer.specials);
    const { ids, offsets } = await tokenizer.encodeRendered(text);
    return { ids, noLoss: outsideTurns(text, assistant, offsets) };
  } catch (error) {
    throw error instanceof DataError && error.file === undefined
      ? new DataError(error.message, error.hint, place)
      : error;
  }
}

/** 1 for each token that starts outside the assistant's turns. */
function outsideTurns(text: string, turns: { start: number; end: number }[], offsets: Int32Array): Uint8Array {
  const noLoss = new Uint8Array(offsets.length).fill(1);
  let token = 0;
  let unit = 0;
  let point = 0;
  // Turns are in UTF-16 units, offsets in code points; both ascend.
  const points = (to: number) => {
    for (; unit < to; point++) unit += text.codePointAt(unit)! > 0xffff ? 2 : 1;
    return point;
  };
  for (const turn of turns) {
    const start = points(turn.start);
    const end = points(turn.end);
    while (token < offsets.length && offsets[token]! < start) token++;
    for (; token < offsets.length && offsets[token]! < end; token++) noLoss[token] = 0;
  }
  return noLoss;
}

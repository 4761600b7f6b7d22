import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { DataError, EMPTY } from "./data_error.ts";
import type { SourceDocument } from "./document.ts";

/** Files up to this size are read in one go. */
const WHOLE = 64 * 2 ** 20;
const CHUNK = 4 * 2 ** 20;

/** Decodes a file's bytes as UTF-8 text, strictly. */
async function* decode(file: string): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let offset = 0;
  const check = (bytes: Buffer): void => {
    if (offset === 0 && ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)))
      throw new DataError("this is UTF-16 text", "convert it to UTF-8", { file });
    const zero = bytes.indexOf(0);
    if (zero >= 0)
      throw new DataError(
        `binary data (a zero byte at offset ${offset + zero}); expected UTF-8 text`,
        "set the source's format if it is not text, or take the file out of the source",
        { file },
      );
  };
  const run = (bytes: Buffer | undefined): string => {
    try {
      return bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode();
    } catch {
      const where = bytes ? `in the ${bytes.length} bytes from offset ${offset}` : "at the end";
      throw new DataError(
        `not valid UTF-8 ${where}`,
        bytes ? "convert the file to UTF-8" : "the file may be truncated: copy it anew",
        { file },
      );
    }
  };
  for await (const bytes of createReadStream(file, { highWaterMark: CHUNK }) as AsyncIterable<Buffer>) {
    check(bytes);
    yield run(bytes);
    offset += bytes.length;
  }
  const rest = run(undefined);
  if (rest !== "") yield rest;
}

/**
 * A text file as one document.
 *
 * @throws DataError when it is empty, binary, or not UTF-8
 */
export async function* readText(file: string): AsyncGenerator<SourceDocument> {
  const { size } = await stat(file);
  if (size === 0) throw new DataError("the file is empty", EMPTY, { file });
  const place = { file };
  if (size > WHOLE) yield { kind: "parts", parts: decode(file), place };
  else {
    const parts: string[] = [];
    for await (const part of decode(file)) parts.push(part);
    yield { kind: "text", text: parts.join(""), place };
  }
}

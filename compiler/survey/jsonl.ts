import type { Host } from "../host.ts";
import type { PlanDataSource } from "../plan.ts";
import { zstdHead } from "./zstd.ts";

/** Rows of a jsonl file as far as its beginning shows them. */
export interface JsonlRows {
  /** Bytes of each row; the last one may go on. */
  rows: { bytes: number; cut: boolean }[];
  /** Share of a row that is text which is trained on, over the rows that were parsed; undefined where none is as expected. */
  text: number | undefined;
  chats: ChatRows;
}

/** What was seen of a column of chats. */
export interface ChatRows {
  /** Rows that were parsed and hold a list of messages. */
  seen: number;
  /** Lines, from 1, of those in which no assistant speaks. */
  silent: number[];
}

/** Bytes of rows that are parsed; of the others only the length is taken. */
const parsed = 2 ** 20;

/** The beginning of a file's text. */
export interface TextHead {
  readonly bytes: Uint8Array;
  /** Whether it is all of it. */
  readonly whole: boolean;
  /** Bytes of text for each of the file's own. */
  readonly ratio: number;
}

/**
 * The first `bytes` bytes of a file's text at most; undefined when the host can't read it, or it is not compressed as it should be.
 *
 * @param packed whether the file is compressed with zstd
 */
export function textHead(path: string, bytes: number, packed: boolean, host: Host): TextHead | undefined {
  const head = host.part?.(path, 0, packed ? bytes / 2 : bytes);
  if (head === undefined) return undefined;
  const size = host.size(path);
  if (!packed) return { bytes: head, whole: size === head.length, ratio: 1 };
  const text = zstdHead(head, bytes);
  return text && { bytes: text.bytes, whole: text.read === size, ratio: text.bytes.length / Math.max(1, text.read) };
}

/** The rows that the beginning of a file's text shows. */
export function jsonlRows({ bytes: head, whole }: TextHead, columns: Pick<PlanDataSource, "text" | "chat">): JsonlRows {
  const found: JsonlRows = { rows: [], text: undefined, chats: { seen: 0, silent: [] } };
  const sum = { row: 0, text: 0 };
  const decoder = new TextDecoder();
  let line = 0;
  for (let from = 0; from < head.length; line++) {
    const newline = head.indexOf(10, from);
    const end = newline < 0 ? head.length : newline;
    const cut = newline < 0 && !whole;
    if (end > from) found.rows.push({ bytes: end - from, cut });
    if (!cut && end > from && sum.row < parsed) {
      const text = textOf(decoder.decode(head.subarray(from, end)), columns, found.chats, line + 1);
      if (text !== undefined) {
        sum.row += end - from;
        sum.text += text;
      }
    }
    from = end + 1;
  }
  if (sum.row > 0) found.text = Math.min(1, sum.text / sum.row);
  return found;
}

/** Bytes of the text in a row, about; undefined for a row that is not as expected, which is told elsewhere (CTX5020). */
function textOf(
  json: string,
  { text, chat }: Pick<PlanDataSource, "text" | "chat">,
  chats: ChatRows,
  line: number,
): number | undefined {
  let value: unknown;
  try {
    value = (JSON.parse(json) as { [column: string]: unknown } | null)?.[chat ?? text ?? "text"];
  } catch {
    return undefined;
  }
  if (chat === null) return typeof value === "string" ? bytesOf(value) : undefined;
  if (!Array.isArray(value)) return undefined;
  chats.seen++;
  const messages = value as ({ role?: unknown; from?: unknown; content?: unknown; value?: unknown } | null)[];
  if (
    !messages.some(
      (message) => message?.role === "assistant" || message?.from === "gpt" || message?.from === "assistant",
    )
  )
    chats.silent.push(line);
  return messages.reduce((sum, message) => {
    const content = message?.content ?? message?.value;
    return sum + (typeof content === "string" ? bytesOf(content) : 0);
  }, 0);
}

/** UTF-8 bytes of a text, without encoding it. */
function bytesOf(text: string): number {
  let bytes = text.length;
  for (let k = 0; k < text.length; k++) {
    const unit = text.charCodeAt(k);
    // The two halves of a surrogate pair are four bytes together.
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return bytes;
}

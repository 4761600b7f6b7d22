/** Positions of the protocol, which count lines and UTF-16 units in them, and offsets of the editor's text. */
import type { Text } from "@codemirror/state";
import type { Position, Range } from "../service/protocol.ts";

/** The place of a position; one that the text does not have is taken to the nearest that it has. */
export function offsetOf(doc: Text, { line, character }: Position): number {
  if (line >= doc.lines) return doc.length;
  const { from, to } = doc.line(line + 1);
  return Math.min(from + character, to);
}

export function positionOf(doc: Text, offset: number): Position {
  const { number, from } = doc.lineAt(offset);
  return { line: number - 1, character: offset - from };
}

export const spanOf = (doc: Text, { start, end }: Range) => ({ from: offsetOf(doc, start), to: offsetOf(doc, end) });

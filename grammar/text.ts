/** The text of a recipe with its lines: turns offsets into the positions that editors and terminals use. */

/** A place as the language server protocol counts it: line and UTF-16 character from 0. */
export interface Position {
  line: number;
  character: number;
}

/** A stretch of text, its end not included. */
export interface PositionRange {
  start: Position;
  end: Position;
}

const BYTE_ORDER_MARK = "\uFEFF";

/**
 * Offsets are UTF-16 units of `text`. A line ends with `\n`, `\r\n` or `\r`, as in the protocol. A byte order mark belongs
 * to the text but to no line: editors hide it, so it counts no character.
 */
export class SourceText {
  readonly text: string;
  /** Offset of each line's first character. */
  private readonly lineStarts: number[];

  constructor(text: string) {
    this.text = text;
    this.lineStarts = [text.startsWith(BYTE_ORDER_MARK) ? 1 : 0];
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit === 10 || (unit === 13 && text.charCodeAt(i + 1) !== 10)) this.lineStarts.push(i + 1);
    }
  }

  /** Number of lines; a text that ends with a line break has an empty last line. */
  get lineCount(): number {
    return this.lineStarts.length;
  }

  /** Line that holds `offset`, from 0. */
  lineAt(offset: number): number {
    let low = 0;
    let high = this.lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.lineStarts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Position of an offset; offsets outside the text are moved to its nearest end. */
  position(offset: number): Position {
    const clamped = Math.min(Math.max(offset, 0), this.text.length);
    const line = this.lineAt(clamped);
    return { line, character: Math.max(0, clamped - this.lineStarts[line]!) };
  }

  /** Offset of a position; a character past the line's end means the line's end. */
  offset(position: Position): number {
    if (position.line < 0) return 0;
    if (position.line >= this.lineCount) return this.text.length;
    const { start, end } = this.line(position.line);
    return Math.min(start + Math.max(0, position.character), end);
  }

  /** Lines and characters of a span. */
  range(span: { start: number; end: number }): PositionRange {
    return { start: this.position(span.start), end: this.position(span.end) };
  }

  /** Span of line `index`, without its line break. */
  line(index: number): { start: number; end: number } {
    const start = this.lineStarts[index] ?? this.text.length;
    let end = index + 1 < this.lineCount ? this.lineStarts[index + 1]! : this.text.length;
    while (end > start && (this.text[end - 1] === "\n" || this.text[end - 1] === "\r")) end--;
    return { start, end };
  }

  /** The text of a span. */
  slice(span: { start: number; end: number }): string {
    return this.text.slice(span.start, span.end);
  }
}

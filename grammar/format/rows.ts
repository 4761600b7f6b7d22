/**
 * Tokens and comments → rows. The author's line breaks stay, with these exceptions: a block that goes over several lines has
 * its braces at line ends and on lines of their own; an opening brace joins its head; blank lines come one at a time. Lines that
 * a `# ctx-allow` speaks of stay whole.
 */
import { type IToken, tokenMatcher } from "chevrotain";
import type { SourceText } from "../text.ts";
import * as t from "../tokens.ts";
import type { Layout } from "./layout.ts";
import { gap } from "./spacing.ts";

export interface Row {
  indent: number;
  /** The row's code; empty where it holds a comment only. */
  text: string;
  /** With its `#`. */
  comment: string | null;
  blankBefore: boolean;
  /** Where the `=` stands in `text`, if the row is one property and nothing else; else -1. */
  equals: number;
  /** Set if the row is one block on one line. */
  table: Table | null;
}

/** `head { cells }` */
export interface Table {
  head: string;
  cells: Cell[];
}

export interface Cell {
  text: string;
  /** Cells under one another are aligned as long as their names are the same. */
  name: string;
}

export function rowsOf(tokens: IToken[], layout: Layout, text: SourceText): Row[] {
  return new RowBuilder(layout, text).build(bracesBeforeComments(tokens, layout, text));
}

/** `data # why` with the brace on the next line: the brace joins its head, the comment goes behind it. */
function bracesBeforeComments(tokens: IToken[], layout: Layout, text: SourceText): IToken[] {
  const pinned = (token: IToken) => layout.pinned.has(text.lineAt(token.startOffset));
  const result: IToken[] = [];
  for (const token of tokens) {
    let at = result.length;
    const brace = layout.opens.has(token.startOffset) && !pinned(token);
    while (brace && at > 0 && isComment(result[at - 1]!)) at--;
    // Not over a comment that has to stay where it is.
    if (result.slice(at).some(pinned)) at = result.length;
    result.splice(at, 0, token);
  }
  return result;
}

function isComment(token: IToken): boolean {
  return token.tokenType === t.Remark;
}

class RowBuilder {
  private readonly rows: Row[] = [];
  private blocks = 0;
  private brackets = 0;
  private previous: IToken | null = null;
  /** Statements that begin on the row, outside the row's own blocks. */
  private statements = 0;
  /** Blocks that the row has opened and not yet closed. */
  private inside = 0;
  private table: Table | null = null;

  constructor(
    private readonly layout: Layout,
    private readonly source: SourceText,
  ) {}

  build(tokens: IToken[]): Row[] {
    for (const token of tokens) {
      if (isComment(token)) this.comment(token);
      else this.token(token);
      this.previous = token;
    }
    return this.rows;
  }

  private get row(): Row {
    return this.rows[this.rows.length - 1]!;
  }

  private comment(token: IToken): void {
    const trailing = this.previous !== null && !isComment(this.previous) && this.sameLine(this.previous, token);
    const joined = this.previous !== null && this.previous.startOffset > token.startOffset;
    if (!trailing && !(joined && this.row.comment === null)) this.newRow(token);
    this.row.comment = token.image.trimEnd();
  }

  private token(token: IToken): void {
    const at = token.startOffset;
    const closesSeveral = this.layout.closes.get(at);
    if (closesSeveral) this.blocks--;
    if (this.breaksBefore(token)) this.newRow(token);
    const closesBracket = closesSeveral === undefined && isCloser(token);
    if (closesBracket) this.brackets--;
    this.append(token);
    if (this.layout.opens.get(at)) this.blocks++;
    if (!this.layout.opens.has(at) && isOpener(token)) this.brackets++;
  }

  private breaksBefore(token: IToken): boolean {
    const { previous, layout } = this;
    if (previous === null || isComment(previous)) return true;
    if (this.pinned(previous) || this.pinned(token)) return !this.sameLine(previous, token);
    const at = token.startOffset;
    if (layout.opens.has(at)) return false;
    const several = layout.closes.get(at);
    if (several !== undefined) return several;
    const statement = layout.statements.get(at);
    if (statement) {
      if (statement.kind === "block" && layout.opens.get(statement.open.start)) return true;
      if (layout.opens.get(previous.startOffset) || layout.closes.get(previous.startOffset)) return true;
      return !this.sameLine(previous, token);
    }
    return this.brackets > 0 && previous.tokenType !== t.Equals && !this.sameLine(previous, token);
  }

  private newRow(token: IToken): void {
    const { previous } = this;
    const blankBefore = previous !== null && !isOpener(previous) && !isCloser(token) && this.gap(previous, token);
    // A row that begins with closing brackets stands as deep as the row that opened them.
    const indent =
      this.blocks + this.brackets - (isCloser(token) && !this.layout.closes.has(token.startOffset) ? 1 : 0);
    this.rows.push({ indent, text: "", comment: null, blankBefore, equals: -1, table: null });
    this.statements = 0;
    this.inside = 0;
    this.table = null;
  }

  private append(token: IToken): void {
    const { row, layout, previous } = this;
    const at = token.startOffset;
    const space = row.text === "" || previous === null ? "" : gap(previous, token, layout);
    const statement = layout.statements.get(at);
    if (statement && this.inside === 0) this.statements++;
    const opensInline = layout.opens.get(at) === false;
    const closesInline = layout.closes.get(at) === false;
    if (closesInline) this.inside--;
    if (opensInline && this.inside === 0 && this.statements === 1) {
      this.table = { head: row.text, cells: [] };
    } else if (this.table && this.inside > 0) {
      if (statement && this.inside === 1) this.table.cells.push({ text: token.image, name: token.image });
      else this.extendCell(space + token.image);
    }
    if (opensInline) this.inside++;
    row.text += space + token.image;
    const single = this.statements === 1 && this.inside === 0;
    row.table = single && closesInline ? this.table : null;
    if (!single || layout.opens.has(at)) row.equals = -1;
    else if (token.tokenType === t.Equals && row.equals < 0 && this.brackets === 0) {
      row.equals = row.text.length - 1;
    }
  }

  private pinned(token: IToken): boolean {
    return this.layout.pinned.has(this.source.lineAt(token.startOffset));
  }

  private extendCell(text: string): void {
    const cell = this.table?.cells.at(-1);
    if (cell) cell.text += text;
  }

  /** True if a blank line stands between the two tokens in the source, right before the second. */
  private gap(previous: IToken, token: IToken): boolean {
    const line = this.source.lineAt(token.startOffset);
    if (this.source.lineAt(previous.startOffset) >= line - 1) return false;
    return this.source.slice(this.source.line(line - 1)).trim() === "";
  }

  private sameLine(a: IToken, b: IToken): boolean {
    return this.source.lineAt(a.startOffset) === this.source.lineAt(b.startOffset);
  }
}

function isOpener(token: IToken): boolean {
  return token.tokenType === t.LCurly || token.tokenType === t.LParen || token.tokenType === t.LSquare;
}

function isCloser(token: IToken): boolean {
  return tokenMatcher(token, t.RCurly) || token.tokenType === t.RParen || token.tokenType === t.RSquare;
}

import { columns } from "../compiler/diagnostics/width.ts";

/** What a cell says, and how it stands out where colours are shown. */
export interface Cell {
  readonly text: string;
  readonly style?: Style;
}

export type Style = "bold" | "dim" | "warn" | "bad" | "good";

const codes: { readonly [style in Style]: string } = { bold: "1", dim: "2", warn: "33", bad: "31", good: "32" };

/** Where text goes: how wide it is, and whether it takes colours. */
export interface Screen {
  readonly width: number;
  readonly color: boolean;
}

export function styled(text: string, style: Style | undefined, { color }: Pick<Screen, "color">): string {
  return color && style && text !== "" ? `\x1b[${codes[style]}m${text}\x1b[0m` : text;
}

/**
 * The screen that a stream is: as wide as the terminal, or as `COLUMNS` says, or 120 where nobody knows (a file, a pipe).
 * Below 60 columns nothing is readable, so lines are then left to the terminal to fold.
 */
export function screenOf(stream: NodeJS.WriteStream, color: boolean): Screen {
  const wanted = stream.columns ?? Number(process.env.COLUMNS ?? Number.NaN);
  return { width: Number.isFinite(wanted) && wanted > 0 ? Math.max(60, wanted) : 120, color };
}

/** One column of a table: its heading, a cell for each row, and the side that cells lean to. */
export interface Column {
  readonly head: string;
  readonly cells: readonly (string | Cell)[];
  readonly align?: "left" | "right";
}

/**
 * A table no wider than the screen: groups of columns that do not fit beside one another go on in another table, with the first
 * column repeated; a group that is itself too wide is cut. A first column and one more always stand together.
 *
 * @returns lines; an empty one between tables
 */
export function tables(first: Column, groups: readonly (readonly Column[])[], screen: Screen): string[] {
  const width = (column: Column) =>
    Math.max(columns(column.head), ...column.cells.map((cell) => columns(textOf(cell))));
  const widthOf = (part: readonly Column[]) => part.reduce((sum, column) => sum + 2 + width(column), width(first));
  const parts: Column[][] = [];
  for (const group of groups) {
    const last = parts.at(-1);
    if (last && widthOf([...last, ...group]) <= screen.width) last.push(...group);
    else {
      let part: Column[] = [];
      for (const column of group) {
        if (part.length > 0 && widthOf([...part, column]) > screen.width) {
          parts.push(part);
          part = [];
        }
        part.push(column);
      }
      parts.push(part);
    }
  }
  return parts.flatMap((part, k) => {
    const whole = [first, ...part];
    return [...(k > 0 ? [""] : []), ...oneTable(whole, whole.map(width), screen)];
  });
}

function oneTable(part: readonly Column[], widths: readonly number[], screen: Screen): string[] {
  const line = (cells: readonly (string | Cell)[]) =>
    cells
      .map((cell, k) => {
        const text = textOf(cell);
        const space = " ".repeat(widths[k]! - columns(text));
        const shown = styled(text, typeof cell === "string" ? undefined : cell.style, screen);
        if (part[k]!.align === "right") return space + shown;
        return k === cells.length - 1 ? shown : shown + space;
      })
      .join("  ")
      .trimEnd();
  const head = line(part.map((column) => column.head));
  const rows = part[0]!.cells.map((_, row) => line(part.map((column) => column.cells[row] ?? "")));
  return [styled(head, "dim", screen), ...rows];
}

function textOf(cell: string | Cell): string {
  return typeof cell === "string" ? cell : cell.text;
}

/** Text in lines of at most `width` columns, broken between words; a word longer than that after one of its signs, or anywhere. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").flatMap((word) => pieces(word, width))) {
    if (line === "") line = word;
    else if (columns(line) + 1 + columns(word) <= width) line += ` ${word}`;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
}

/** Items in lines of at most `width` columns, none broken in two unless it is longer than a line. */
export function flow(items: readonly string[], separator: string, width: number): string[] {
  const whole = (text: string) => text.replaceAll(" ", "\u00a0");
  return wrap(items.map((item, k) => whole(k < items.length - 1 ? item + separator : item)).join(" "), width).map(
    (line) => line.replaceAll("\u00a0", " "),
  );
}

/** A word as it is, or cut into pieces that fit a line. */
function pieces(word: string, width: number): string[] {
  if (columns(word) <= width) return [word];
  const parts: string[] = [];
  let part = "";
  for (const piece of word.split(/(?<=[/._,=-])/).flatMap((piece) => halves(piece, width))) {
    if (part !== "" && columns(part) + columns(piece) > width) {
      parts.push(part);
      part = "";
    }
    part += piece;
  }
  return [...parts, part];
}

function halves(piece: string, width: number): string[] {
  const letters = [...piece];
  const parts: string[] = [];
  // Wide letters take two columns: half as many are sure to fit.
  const many = columns(piece) === letters.length ? width : Math.max(1, Math.floor(width / 2));
  for (let k = 0; k < letters.length; k += many) parts.push(letters.slice(k, k + many).join(""));
  return parts;
}

/** A paragraph whose lines after the first are indented. */
export function hanging(text: string, width: number, indent: number): string[] {
  const [first = "", ...rest] = wrap(text, width);
  if (rest.length === 0) return [first];
  const space = " ".repeat(indent);
  return [first, ...wrap(rest.join(" "), width - indent).map((line) => space + line)];
}

/**
 * Widths below which columns of `wrappedRows` do not give way: the last one holds sentences, which may be narrower still before
 * names, in the first column, are broken; those between hold values.
 */
const least = { last: 28, between: 16, lastBeforeNames: 20, first: 12 };

/**
 * Rows of cells in columns that together fit `width`: first columns give way that are wider than their `usual` widths, then the last
 * one, then those between, then the last one again, then the first; cells go on in the next lines.
 *
 * @param usual widths that hold most cells of the columns; one cell that is wider does not narrow the sentences beside all others
 */
export function wrappedRows(
  rows: readonly (readonly string[])[],
  width: number,
  usual: readonly number[] = [],
): string[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, k) => Math.max(1, ...rows.map((row) => columns(row[k] ?? ""))));
  let over = widths.reduce((sum, each) => sum + each, 0) + 2 * (count - 1) - width;
  const between = Array.from({ length: Math.max(0, count - 2) }, (_, k) => [count - 2 - k, least.between] as const);
  const last = (floor: number) => (count > 1 ? [[count - 1, floor] as const] : []);
  const wider = usual.map((most, k) => [k, most] as const);
  const giving = [...wider, ...last(least.last), ...between, ...last(least.lastBeforeNames), [0, least.first] as const];
  for (const [k, floor] of count > 0 ? giving : []) {
    const given = Math.min(over, Math.max(0, widths[k]! - floor));
    widths[k]! -= given;
    over -= given;
  }
  return rows.flatMap((row) => {
    const cells = row.map((cell, k) => wrap(cell, widths[k]!));
    const height = Math.max(1, ...cells.map((cell) => cell.length));
    return Array.from({ length: height }, (_, line) =>
      cells
        .map((cell, k) => {
          const text = cell[line] ?? "";
          return text + " ".repeat(Math.max(0, widths[k]! - columns(text)));
        })
        .join("  ")
        .trimEnd(),
    );
  });
}

/** Columns: `=` of neighbouring properties, cells of neighbouring one-line blocks, comments of neighbouring rows. */
import type { Row, Table } from "./rows.ts";

const GAP = "  ";

/** Pads the rows' texts in place and returns them as lines. */
export function alignedLines(rows: Row[]): string[] {
  forRuns(rows, (row) => row.equals >= 0, alignEquals);
  forRuns(rows, (row) => row.table !== null, alignTables);
  const lines = rows.map((row) => "  ".repeat(row.indent) + row.text);
  forRuns(
    rows.map((row, index) => ({ ...row, index })),
    (row) => row.comment !== null && row.text !== "",
    (run) => {
      const width = Math.max(...run.map((row) => lines[row.index]!.length));
      for (const row of run) lines[row.index] = lines[row.index]!.padEnd(width) + GAP + row.comment;
    },
  );
  rows.forEach((row, index) => {
    if (row.text === "" && row.comment !== null) lines[index] += row.comment;
  });
  return lines;
}

/** Calls `align` on each longest run of neighbouring rows that qualify and are indented alike; blank lines end a run. */
function forRuns<R extends Row>(rows: R[], qualifies: (row: R) => boolean, align: (run: R[]) => void): void {
  let run: R[] = [];
  const flush = () => {
    if (run.length > 0) align(run);
    run = [];
  };
  for (const row of rows) {
    const first = run[0];
    if (!qualifies(row) || row.blankBefore || (first && first.indent !== row.indent)) flush();
    if (qualifies(row)) run.push(row);
  }
  flush();
}

function alignEquals(run: Row[]): void {
  const column = Math.max(...run.map((row) => row.equals));
  for (const row of run) {
    row.text = row.text.slice(0, row.equals).padEnd(column) + row.text.slice(row.equals);
  }
}

function alignTables(run: Row[]): void {
  const tables = run.map((row) => row.table!);
  const head = Math.max(...tables.map((table) => table.head.length));
  const columns = Math.max(...tables.map((table) => table.cells.length));
  for (let column = 0; column < columns; column++) padColumn(tables, column);
  run.forEach((row, index) => {
    const { head: kind, cells } = tables[index]!;
    const inner = cells.map((cell) => cell.text).join(GAP);
    row.text = `${kind.padEnd(head)} { ${inner}${inner === "" ? "" : " "}}`;
  });
}

/** Neighbouring rows share a column while all their cells up to it have the same names and another cell follows. */
function padColumn(tables: Table[], column: number): void {
  const names = (table: Table) => table.cells.slice(0, column + 1).map((cell) => cell.name);
  const has = (table: Table) => table.cells.length > column + 1;
  let start = 0;
  for (let i = 1; i <= tables.length; i++) {
    const [before, now] = [tables[i - 1]!, tables[i]];
    if (now && has(now) && has(before) && names(now).join() === names(before).join()) continue;
    const group = tables.slice(start, i).filter(has);
    const width = Math.max(0, ...group.map((table) => table.cells[column]!.text.length));
    for (const table of group) table.cells[column]!.text = table.cells[column]!.text.padEnd(width);
    start = i;
  }
}

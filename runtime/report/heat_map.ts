import { drawing, element, escapeText, label, line } from "../../compiler/drawing/svg.ts";

export interface HeatCell {
  /** 0 … 1. */
  value: number;
  /** Shown when the pointer rests on the cell. */
  detail: string;
}

export interface HeatMap {
  title: string;
  /** Left to right. */
  columns: string[];
  /** Top to bottom. */
  rows: string[];
  columnTitle: string;
  rowTitle: string;
  /** [row][column]; null where nothing was measured. */
  cells: (HeatCell | null)[][];
  /** Columns up to this index (inclusive) lie within what the base model was trained for; -1: none. */
  trained: number;
}

/** Two large maps fit beside each other on the page, or three of four columns. */
const WIDTH = 404;
const CELL_WIDTH = 56;
const CELL_HEIGHT = 37;
const LEFT = 58;
const TOP = 28;

/**
 * Vermilion over sand to blue: apart for every common kind of colour blindness, and each cell says its number besides.
 * Interpolated in sRGB; at 0, 0.5 and 1 exactly the three anchors.
 */
const ANCHORS = [
  [191, 74, 48],
  [240, 222, 190],
  [31, 98, 142],
] as const;

export function heatColour(value: number): { fill: string; dark: boolean } {
  const clipped = Math.min(1, Math.max(0, value));
  const half = clipped < 0.5 ? 0 : 1;
  const share = clipped * 2 - half;
  const mixed = [0, 1, 2].map((channel) => {
    const from = ANCHORS[half]![channel]!;
    return Math.round(from + (ANCHORS[half + 1]![channel]! - from) * share);
  });
  const [red, green, blue] = mixed as [number, number, number];
  return { fill: `rgb(${red},${green},${blue})`, dark: 0.299 * red + 0.587 * green + 0.114 * blue < 116 };
}

export function drawHeatMap(map: HeatMap): string {
  const cellWidth = Math.min(CELL_WIDTH, Math.max(46, WIDTH / map.columns.length));
  const right = LEFT + map.columns.length * cellWidth;
  const bottom = TOP + map.rows.length * CELL_HEIGHT;
  const parts: string[] = [];
  map.cells.forEach((cells, row) => {
    const y = TOP + row * CELL_HEIGHT;
    parts.push(label(LEFT - 8, y + CELL_HEIGHT / 2 + 4, map.rows[row]!, { "text-anchor": "end", class: "tick" }));
    cells.forEach((cell, column) => {
      if (cell !== null) parts.push(drawCell(cell, LEFT + column * cellWidth, y, cellWidth));
    });
  });
  map.columns.forEach((text, column) => {
    const x = LEFT + (column + 0.5) * cellWidth;
    parts.push(label(x, bottom + 18, text, { "text-anchor": "middle", class: "tick" }));
  });
  parts.push(
    label((LEFT + right) / 2, bottom + 36, map.columnTitle, {
      "text-anchor": "middle",
      class: "axis",
    }),
  );
  const middle = (TOP + bottom) / 2;
  parts.push(
    label(12, middle, map.rowTitle, { "text-anchor": "middle", class: "axis", transform: `rotate(-90 12 ${middle})` }),
  );
  if (map.trained >= 0 && map.trained < map.columns.length - 1) {
    const x = LEFT + (map.trained + 1) * cellWidth;
    const room = right - x;
    const text = room > 185 ? "beyond what the base learned" : room > 95 ? "beyond training" : "beyond";
    parts.push(line(x, TOP - 8, x, bottom + 6, "trained"), label(x + 6, TOP - 10, text, { class: "note" }));
  }
  return drawing(right + 4, bottom + 44, map.title, ...parts);
}

function drawCell(cell: HeatCell, x: number, y: number, width: number): string {
  const { fill, dark } = heatColour(cell.value);
  // Floored: "100" stands only where every sample was right.
  const text = String(Math.floor(cell.value * 100 + 1e-9));
  return element(
    "g",
    {},
    `<title>${escapeText(cell.detail)}</title>`,
    element("rect", { x: x + 1, y: y + 1, width: width - 2, height: CELL_HEIGHT - 2, rx: 4, fill }),
    label(x + width / 2, y + CELL_HEIGHT / 2 + 4.5, text, {
      "text-anchor": "middle",
      class: dark ? "cell light" : "cell",
    }),
  );
}

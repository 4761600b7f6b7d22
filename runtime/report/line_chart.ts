import { linearScale, logScale, type Scale } from "../../compiler/drawing/scale.ts";
import { drawing, element, escapeText, label, line, pathOf } from "../../compiler/drawing/svg.ts";

export interface Series {
  label: string;
  /** Number of the colour in the style sheet, see style.ts. */
  colour: number;
  points: { x: number; y: number; low?: number; high?: number; detail?: string }[];
  /** Dots at the points: for few, measured values. */
  dots?: boolean;
  dashed?: boolean;
}

export interface LineChart {
  title: string;
  xTitle: string;
  yTitle: string;
  /** Base of a logarithmic axis; linear when absent. */
  xLog?: number;
  yLog?: number;
  xTick: (value: number) => string;
  yTick: (value: number) => string;
  series: Series[];
  /** Vertical lines with a word beside them. */
  marks?: { x: number; text: string }[];
  /** Horizontal lines with a word above them. */
  levels?: { y: number; text: string }[];
  width?: number;
  height?: number;
}

const MARGIN = { left: 58, right: 18, top: 26, bottom: 48 };

/** A line chart with a light grid, an optional band around each line, and marks. "" when there is nothing to draw. */
export function drawLineChart(chart: LineChart): string {
  const points = chart.series.flatMap((series) => series.points).filter((point) => Number.isFinite(point.x + point.y));
  if (points.length === 0) return "";
  const width = chart.width ?? 980;
  const height = chart.height ?? 300;
  const right = width - MARGIN.right;
  const bottom = height - MARGIN.bottom;
  const xs = points.map((point) => point.x);
  const ys = [
    ...points.flatMap((point) => [point.y, point.low ?? point.y, point.high ?? point.y]),
    ...(chart.levels ?? []).map((level) => level.y),
  ];
  const x = makeScale(xs, MARGIN.left, right, chart.xLog, false);
  const y = makeScale(ys, bottom, MARGIN.top, chart.yLog, true);
  return drawing(
    width,
    height,
    chart.title,
    ...y.ticks.flatMap((tick) => [
      line(MARGIN.left, y.at(tick), right, y.at(tick), "grid"),
      label(MARGIN.left - 8, y.at(tick) + 4, chart.yTick(tick), { "text-anchor": "end", class: "tick" }),
    ]),
    ...x.ticks.map((tick) =>
      label(x.at(tick), bottom + 18, chart.xTick(tick), { "text-anchor": "middle", class: "tick" }),
    ),
    line(MARGIN.left, bottom, right, bottom, "base"),
    label((MARGIN.left + right) / 2, height - 8, chart.xTitle, { "text-anchor": "middle", class: "axis" }),
    label(MARGIN.left, 12, chart.yTitle, { class: "axis" }),
    ...(chart.levels ?? []).flatMap((level) => [
      line(MARGIN.left, y.at(level.y), right, y.at(level.y), "trained"),
      label(right, y.at(level.y) - 5, level.text, { "text-anchor": "end", class: "note" }),
    ]),
    ...(chart.marks ?? []).flatMap((mark) => drawMark(x.at(mark.x), right, bottom, mark.text)),
    ...chart.series.map((series) => drawSeries(series, x, y)),
  );
}

/** HTML legend of a chart's series. */
export function legend(series: Series[]): string {
  const entries = series.map((entry) => {
    const className = `swatch c${entry.colour}${entry.dashed ? " dashed" : ""}`;
    return `<span class="entry"><span class="${className}"></span>${escapeText(entry.label)}</span>`;
  });
  return `<p class="legend">${entries.join("")}</p>`;
}

function makeScale(values: number[], from: number, to: number, base: number | undefined, nice: boolean): Scale {
  const low = Math.min(...values);
  const high = Math.max(...values);
  if (base === undefined) return linearScale(low, high, from, to, 5, nice);
  return nice ? logScale(low / 1.15, high * 1.15, from, to, base) : logScale(low, high, from, to, base);
}

function drawMark(at: number, right: number, bottom: number, text: string): string[] {
  const leftward = at > right - 150;
  return [
    line(at, MARGIN.top - 4, at, bottom, "trained"),
    label(at + (leftward ? -5 : 5), MARGIN.top + 6, text, { "text-anchor": leftward ? "end" : "start", class: "note" }),
  ];
}

function drawSeries(series: Series, x: Scale, y: Scale): string {
  const points = series.points.filter((point) => Number.isFinite(point.x + point.y));
  const place = (px: number, py: number) => [x.at(px), y.at(py)] as const;
  const parts: string[] = [];
  if (points.some((point) => point.low !== undefined)) {
    const upper = points.map((point) => place(point.x, point.high ?? point.y));
    const lower = points.map((point) => place(point.x, point.low ?? point.y)).reverse();
    parts.push(element("path", { d: `${pathOf([...upper, ...lower])}Z`, class: "band" }));
  }
  const className = series.dashed ? "line dashed" : "line";
  parts.push(element("path", { d: pathOf(points.map((point) => place(point.x, point.y))), class: className }));
  // Few values are shown as dots; a lone one would be invisible as a line.
  if (series.dots || points.length === 1) {
    for (const point of points) {
      const title = point.detail === undefined ? [] : [`<title>${escapeText(point.detail)}</title>`];
      parts.push(element("circle", { cx: x.at(point.x), cy: y.at(point.y), r: 3.5, class: "dot" }, ...title));
    }
  }
  return element("g", { class: `c${series.colour}` }, ...parts);
}

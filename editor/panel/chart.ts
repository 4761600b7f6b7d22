import { logScale, type Scale } from "../../compiler/drawing/scale.ts";
import { drawing, element, escapeText, label, line } from "../../compiler/drawing/svg.ts";

/** Drawn for a column of 360 pixels; the style sheet lets it grow to half as much again. */
const WIDTH = 360;
const HEIGHT = 220;
const MARGIN = { left: 52, right: 12, top: 24, bottom: 40 };

/** Where a chart's marks lie, in pixels. */
export interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  /** A value of the logarithmic axis; what lies beyond the frame stands at its edge. */
  y(value: number): number;
}

export interface Chart {
  /** Read out in place of the drawing. */
  readonly title: string;
  readonly yTitle: string;
  readonly xTitle: string;
  readonly yTick: (value: number) => string;
  /** Positive values that the axis must hold. */
  readonly values: readonly number[];
  /** Words under the axis; `slanted` where they would touch side by side. */
  readonly ticks: (frame: Frame) => readonly { at: number; text: string; slanted?: boolean }[];
  readonly marks: (frame: Frame) => readonly string[];
  /** Pixels more below the axis, for slanted words. */
  readonly deeper?: number;
}

/** A chart over a logarithmic axis: grid and words here, the marks by the caller. */
export function drawChart(chart: Chart): string {
  const height = HEIGHT + (chart.deeper ?? 0);
  const bottom = HEIGHT - MARGIN.bottom;
  const right = WIDTH - MARGIN.right;
  const scale = axis(chart.values, bottom);
  const frame: Frame = {
    ...{ left: MARGIN.left, right, top: MARGIN.top, bottom },
    y: (value) => Math.min(bottom, Math.max(MARGIN.top, scale.at(value))),
  };
  return drawing(
    WIDTH,
    height,
    chart.title,
    ...scale.ticks.flatMap((tick) => [
      line(MARGIN.left, scale.at(tick), right, scale.at(tick), "grid"),
      label(MARGIN.left - 6, scale.at(tick) + 4, chart.yTick(tick), { "text-anchor": "end", class: "tick" }),
    ]),
    ...chart.marks(frame),
    line(MARGIN.left, bottom, right, bottom, "axis"),
    ...chart.ticks(frame).map(({ at, text, slanted }) =>
      slanted
        ? label(at + 4, bottom + 14, text, {
            "text-anchor": "end",
            class: "tick",
            transform: `rotate(-35 ${(at + 4).toFixed(2)} ${bottom + 14})`,
          })
        : label(at, bottom + 16, text, { "text-anchor": "middle", class: "tick" }),
    ),
    label((MARGIN.left + right) / 2, height - 6, chart.xTitle, { "text-anchor": "middle", class: "name" }),
    label(2, 12, chart.yTitle, { class: "name" }),
  );
}

/** Widened to whole powers of ten where fewer than two of them would lie on it: an axis with one tick can't be read. */
function axis(values: readonly number[], bottom: number): Scale {
  const [low, high] = [Math.min(...values) / 1.3, Math.max(...values) * 1.3];
  const scale = logScale(low, high, bottom, MARGIN.top, 10, 6);
  if (scale.ticks.length > 1) return scale;
  const power = (value: number, round: (value: number) => number) => 10 ** round(Math.log10(value));
  return logScale(power(low, Math.floor), power(high, Math.ceil), bottom, MARGIN.top, 10, 6);
}

/** A closed area; the corners in order. */
export function area(points: readonly (readonly [number, number])[], className: string): string {
  const corners = points.map(([x, y]) => `${Number(x.toFixed(2))},${Number(y.toFixed(2))}`).join(" ");
  return element("polygon", { points: corners, class: className });
}

/** A dot that says what it stands for. */
export function dot(x: number, y: number, className: string, text: string): string {
  return element("circle", { cx: x, cy: y, r: 3.2, class: className }, `<title>${escapeText(text)}</title>`);
}

/** 0.001 → "10⁻³", 1000 → "1,000", 10,000,000 → "10⁷". */
export function powerOfTen(value: number): string {
  const power = Math.round(Math.log10(value));
  if (power >= 0 && power <= 4) return (10 ** power).toLocaleString("en-US");
  const digits = [...String(Math.abs(power))].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)]).join("");
  return `10${power < 0 ? "⁻" : ""}${digits}`;
}

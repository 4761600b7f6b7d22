import { element, escapeText, pathOf } from "../../compiler/drawing/svg.ts";
import type { Plan, PlanStage } from "../../compiler/plan.ts";
import { wavelength } from "../../compiler/rope/base.ts";
import { showNumber, showTokens } from "../../compiler/values/show.ts";
import { area, dot, drawChart, type Frame, powerOfTen } from "./chart.ts";
import { showTheta, stageName } from "./stages.ts";

/** Inverse frequencies of every stage beside the base model's, with those shaded that reach no angle that training has not shown. */
export function frequencySection(plan: Plan): string {
  const { model, stages } = plan;
  if (stages.length === 0) return "";
  const before = model.initialize ? "the first table" : "the base model's";
  // One axis for all, so that stages can be compared.
  const values = [model.rope.inv_freq, ...stages.flatMap((stage) => [stage.rope.inv_freq, seen(plan, stage)])]
    .flat()
    .filter((value) => value > 0 && Number.isFinite(value));
  const out = stages.some(({ pairs }) => pairs.extrapolated > 0);
  const entries = [
    `<li>${sample("line stage")}the stage's</li>`,
    `<li>${sample("line before")}${before}</li>`,
    `<li>${element("svg", { width: 22, height: 12, "aria-hidden": "true" }, element("rect", { width: 22, height: 12, class: "seen" }))}angles seen in training</li>`,
    ...(out
      ? [
          `<li>${element("svg", { width: 12, height: 12, "aria-hidden": "true" }, element("circle", { cx: 6, cy: 6, r: 3.2, class: "dot out" }))}reaches new angles</li>`,
        ]
      : []),
  ];
  const charts = stages.map(
    (
      stage,
      index,
    ) => `<figure class="chart"><figcaption>${stageName(plan, index)}: ${showTokens(stage.context)} tokens, theta ${escapeText(
      showTheta(stage),
    )}${stage.rope.attention_factor === 1 ? "" : `, attention × ${showNumber(stage.rope.attention_factor)}`}</figcaption>
${drawTable(plan, stage, values)}</figure>`,
  );
  return `<section><h2>Inverse frequencies</h2>
<p class="note">How far each pair of dimensions turns with every token. At the stage's length a pair is on trained ground while it is within the shade:
it turned all the way round in training, or no further now than it did then.</p>
<ul class="legend">${entries.join("")}</ul><div class="charts">${charts.join("\n")}</div></section>`;
}

/**
 * For each pair the largest frequency that reaches only angles of the training at the stage's context; Infinity for a pair that
 * turned all the way round there.
 */
export function seen({ model }: Plan, stage: PlanStage): number[] {
  return model.rope.inv_freq.map((trained) =>
    wavelength(trained) <= model.context ? Number.POSITIVE_INFINITY : (trained * model.context) / stage.context,
  );
}

function drawTable(plan: Plan, stage: PlanStage, values: readonly number[]): string {
  const { inv_freq } = stage.rope;
  const { pairs } = stage;
  const x = (frame: Frame, pair: number) => frame.left + ((pair + 0.5) * (frame.right - frame.left)) / inv_freq.length;
  const path = (frame: Frame, table: readonly number[], className: string) =>
    element("path", {
      d: pathOf(table.flatMap((value, pair) => (value > 0 ? [[x(frame, pair), frame.y(value)] as const] : []))),
      class: className,
    });
  return drawChart({
    title: `${stage.name}: ${inv_freq.length} pairs, from ${scientific(inv_freq[0]!)} down to ${scientific(
      inv_freq.at(-1)!,
    )} radians per token; ${pairs.extrapolated} of them reach angles that training has not shown`,
    yTitle: "radians per token",
    xTitle: "pair of dimensions, fastest first",
    yTick: powerOfTen,
    values,
    ticks: (frame) => pairTicks(inv_freq.length).map((pair) => ({ at: x(frame, pair), text: String(pair) })),
    marks: (frame) => [
      area(outline(frame, seen(plan, stage)), "seen"),
      path(frame, plan.model.rope.inv_freq, "line before"),
      path(frame, inv_freq, "line stage"),
      ...pairs.classes.flatMap((kind, pair) => {
        const now = inv_freq[pair]!;
        if (kind !== "extrapolated") return [];
        const then = plan.model.rope.inv_freq[pair]! * plan.model.context;
        const times =
          then > 0
            ? `, ${showNumber(Number(((now * stage.context) / then).toPrecision(3)))} times as far as in training`
            : "";
        return [
          dot(x(frame, pair), frame.y(now), "dot out", `pair ${pair}: ${scientific(now)} radians per token${times}`),
        ];
      }),
    ],
  });
}

/** The shade: one step for each pair, from the bottom up to its bound. */
function outline(frame: Frame, bounds: readonly number[]): (readonly [number, number])[] {
  const step = (frame.right - frame.left) / bounds.length;
  const steps = bounds.flatMap((bound, pair) => {
    const top = bound > 0 ? frame.y(bound) : frame.bottom;
    return [
      [frame.left + pair * step, top],
      [frame.left + (pair + 1) * step, top],
    ] as const;
  });
  return [[frame.left, frame.bottom], ...steps, [frame.right, frame.bottom]];
}

/** The first pair, the last one, and quarters between. */
function pairTicks(pairs: number): number[] {
  return [...new Set([0, 0.25, 0.5, 0.75, 1].map((share) => Math.round(share * (pairs - 1))))];
}

function sample(className: string): string {
  return element(
    "svg",
    { width: 22, height: 12, "aria-hidden": "true" },
    element("line", { x1: 0, x2: 22, y1: 6, y2: 6, class: className }),
  );
}

function scientific(value: number): string {
  return value >= 0.01 ? showNumber(Number(value.toPrecision(3))) : value.toExponential(2).replace("e-", "e−");
}

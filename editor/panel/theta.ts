import { element, escapeText, pathOf } from "../../compiler/drawing/svg.ts";
import type { Plan, PlanStage } from "../../compiler/plan.ts";
import { smallestTheta as smallest } from "../../compiler/rope/smallest_theta.ts";
import { showNumber, showTokens } from "../../compiler/values/show.ts";
import { area, dot, drawChart, type Frame, powerOfTen } from "./chart.ts";
import { showTheta } from "./stages.ts";

/** Letters that fit side by side under the axis, at 6 pixels each. */
const LETTERS = 46;

/** Longest name of a stage under the axis. */
const LONGEST = 14;

/** theta of the base model and of each stage, with those thetas shaded that let no pair turn past what training has shown it. */
export function thetaSection(plan: Plan): string {
  const { model, stages } = plan;
  if (stages.length === 0) return "";
  const columns = [
    {
      name: model.initialize ? "start" : "base",
      context: model.context,
      theta: model.rope.theta,
      text: showTheta(model),
    },
    ...stages.map((stage) => ({
      ...{ name: stage.name, context: stage.context, theta: stage.rope.theta, text: showTheta(stage) },
    })),
  ];
  const bounds = [null, ...stages.map((stage) => smallestTheta(plan, stage))];
  const shaded = bounds.some((bound) => bound !== null);
  const longest = Math.max(...columns.map(({ name }) => Math.min(name.length, LONGEST)));
  const slanted = longest * columns.length > LETTERS;
  const at = (frame: Frame, index: number) =>
    frame.left + ((index + 0.5) * (frame.right - frame.left)) / columns.length;
  const half = (frame: Frame) => (frame.right - frame.left) / columns.length / 2;
  const chart = drawChart({
    title: `theta: ${columns.map(({ name, text }) => `${name} ${text}`).join("; ")}`,
    yTitle: "",
    xTitle: "",
    yTick: powerOfTen,
    values: [...columns.map(({ theta }) => theta), ...bounds.filter((bound) => bound !== null)],
    deeper: slanted ? longest * 3 : 0,
    ticks: (frame) =>
      columns.map(({ name }, index) => ({
        ...{ at: at(frame, index), slanted },
        text: name.length > LONGEST ? `${name.slice(0, LONGEST - 1)}…` : name,
      })),
    marks: (frame) => [
      ...bounds.flatMap((bound, index) => (bound === null ? [] : [shade(frame, at(frame, index), half(frame), bound)])),
      element("path", {
        d: pathOf(columns.map(({ theta }, index) => [at(frame, index), frame.y(theta)])),
        class: "line stage",
      }),
      ...columns.map(({ name, context, theta, text }, index) => {
        const bound = bounds[index] ?? null;
        const out = index > 0 && stages[index - 1]!.pairs.extrapolated > 0;
        const least =
          bound === null
            ? ""
            : `; from ${showNumber(Math.ceil(bound))} on no pair turns past what training has shown it`;
        const words = `${name}: theta ${text} for ${showTokens(context)} tokens${least}`;
        return dot(at(frame, index), frame.y(theta), out ? "dot out" : "dot stage", words);
      }),
    ],
  });
  const values = columns.map(
    ({ name, text }) => `<li><b>${escapeText(name)}</b> <span>${escapeText(text)}</span></li>`,
  );
  const key = shaded
    ? `<p class="note">Shaded: with a theta from here on, plain RoPE turns no pair past the angles that the base model was trained on.</p>`
    : "";
  return `<section><h2>theta</h2><div class="beside"><figure class="chart">${chart}</figure><ul class="values">${values.join("")}</ul></div>${key}</section>`;
}

function shade(frame: Frame, x: number, half: number, bound: number): string {
  const [left, right, from, to] = [x - half, x + half, frame.y(bound), frame.top];
  return area(
    [
      [left, from],
      [right, from],
      [right, to],
      [left, to],
    ],
    "seen",
  );
}

/**
 * The smallest theta with which plain RoPE takes every pair of a stage through angles alone that the base model has seen.
 *
 * @returns null where a stage's table is not plain, or no theta would do
 */
export function smallestTheta({ model }: Plan, { rope, context }: PlanStage): number | null {
  return rope.method === "default" ? smallest(model.rope.inv_freq, model.context, context) : null;
}

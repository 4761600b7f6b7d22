import { escapeText } from "../../compiler/drawing/svg.ts";
import type { PlanRope } from "../../compiler/plan.ts";
import { type RunRecord, targetContext } from "./collect.ts";
import { integer, short, significant, theta, tokenLength } from "./format.ts";
import { drawLineChart, legend, type Series } from "./line_chart.ts";

/** The frequency tables: how many tokens each pair of dimensions takes for one turn, before and in each stage. */
export function ropeSection(runs: RunRecord[]): string {
  return `<section><h2>How positions were stretched</h2>
<p class="explain">Rotary embeddings turn each pair of dimensions at its own speed; the slow pairs tell far from near. A pair that the base model never saw
complete a turn is out of its depth beyond the trained length, so an extension slows pairs down until the longer text looks familiar.</p>
<div class="panels">${runs.map((run) => panel(run, runs.length > 1)).join("\n")}</div>
${runs.map((run) => table(run, runs.length > 1)).join("\n")}</section>`;
}

function panel(run: RunRecord, several: boolean): string {
  const tables = distinct(run);
  const series = tables.map((entry, index): Series => {
    const points = entry.rope.inv_freq.flatMap((frequency, pair) =>
      frequency > 0
        ? [
            {
              x: pair,
              y: (2 * Math.PI) / frequency,
              detail: `pair ${pair}: one turn in ${significant((2 * Math.PI) / frequency)} tokens`,
            },
          ]
        : [],
    );
    return { label: entry.label, colour: index % 6, points, dots: points.length <= 64 };
  });
  const chart = drawLineChart({
    title: "Wavelength of each pair of dimensions",
    xTitle: "pair of dimensions, fastest first",
    yTitle: "tokens for one full turn",
    yLog: 10,
    xTick: integer,
    yTick: turn,
    series,
    levels: [
      ...(run.plan.model.initialize
        ? []
        : [{ y: run.plan.model.context, text: `trained to ${integer(run.plan.model.context)}` }]),
      { y: targetContext(run.plan), text: `target ${integer(targetContext(run.plan))}` },
    ],
  });
  return `<div class="panel wide">${several ? `<h3>${escapeText(run.name)}</h3>` : ""}${legend(series)}${chart}</div>`;
}

/** The base table and each stage's, with stages that share a table on one line. */
function distinct(run: RunRecord): { label: string; rope: PlanRope }[] {
  const tables = [{ label: run.plan.model.initialize ? "at the start" : "base model", rope: run.plan.model.rope }];
  for (const stage of run.plan.stages) {
    const same = tables.find((entry) => entry.rope.inv_freq.join() === stage.rope.inv_freq.join());
    if (same) same.label += `, ${stage.name}`;
    else tables.push({ label: stage.name, rope: stage.rope });
  }
  return tables;
}

function table(run: RunRecord, several: boolean): string {
  const base = run.plan.model.rope;
  const row = (name: string, context: number, rope: PlanRope) =>
    `<tr><td>${escapeText(name)}</td><td>${tokenLength(context)}</td><td class="words">${escapeText(rope.method)}</td><td>${theta(rope.theta)}</td>` +
    `<td>${significant(rope.attention_factor)}</td><td class="words"><code>${escapeText(rope.formula)}</code></td></tr>`;
  const rows = [
    row(run.plan.model.initialize ? "at the start" : "base model", run.plan.model.context, base),
    ...run.plan.stages.map((stage) => row(stage.name, stage.context, stage.rope)),
  ];
  return `<div class="scroll"><table><tr><th>${several ? escapeText(run.name) : "stage"}</th><th>context</th><th class="words">method</th><th>theta</th>
<th>attention factor</th><th class="words">as written</th></tr>${rows.join("")}</table></div>`;
}

/** A tick of the axis; figures of seven digits would not fit beside it. */
function turn(value: number): string {
  return value < 1000 ? significant(value) : value < 1e6 ? integer(value) : short(value);
}

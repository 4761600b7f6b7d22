/**
 * A plan as a picture: HTML and SVG text, made without a DOM. The VS Code panel and the playground show the same.
 *
 * What is written needs no script, no inline style and nothing from a network, so it stands under
 * `default-src 'none'; style-src 'nonce-…'`. Buttons of class `place` carry `data-file`, `data-line` and `data-character`
 * (counted from 0): whoever shows the panel may lead from them to the recipe.
 */

import { escapeText } from "../../compiler/drawing/svg.ts";
import { deviceNeed } from "../../compiler/memory/index.ts";
import type { Plan, PlanEvaluate } from "../../compiler/plan.ts";
import { showCount, showFlops } from "../../compiler/values/amounts.ts";
import { showBytes, showDuration, showNumber, showRatio, showTokens } from "../../compiler/values/show.ts";
import { frequencySection } from "./frequencies.ts";
import { memorySection } from "./memory.ts";
import { commonFact, stagesSection, sum } from "./stages.ts";
import { thetaSection } from "./theta.ts";

export { panelStyle } from "./style.ts";

/** The plan as an HTML fragment: one element of class `ctx-plan`, for a page that holds `panelStyle` too. */
export function renderPlan(plan: Plan): string {
  const parts = [
    head(plan),
    stagesSection(plan),
    memorySection(plan),
    thetaSection(plan),
    frequencySection(plan),
    measured(plan),
    chosen(plan),
  ];
  return `<article class="ctx-plan">\n${parts.filter(Boolean).join("\n")}\n</article>\n`;
}

function head(plan: Plan): string {
  const { model, data } = plan;
  const sources = data.sources.map(({ name, kind }) => (kind === "synthetic" ? `${name} (made up)` : name));
  const trains = commonFact(plan, "trains");
  const facts = [
    ["model", `${model.from ?? "a new model"}, ${showCount(model.parameters)} parameters`],
    ["reads", commonFact(plan, "reads") ?? (sources.join(", ") || "nothing")],
    ...(trains === undefined ? [] : [["trains", trains]]),
    ["on", machine(plan)],
  ];
  const rows = facts.map(([name, value]) => `<dt>${name}</dt><dd>${escapeText(value!)}</dd>`);
  return `<header><h1>${escapeText(plan.recipe)}</h1>${figures(plan)}<dl>${rows.join("")}</dl></header>`;
}

/** "512 × H100, 79 GiB each, in 8 rings of 64 (where the figures come from)". */
function machine(plan: Plan): string {
  const { hardware, stages } = plan;
  const many = hardware.devices > 1;
  const name = many ? `${showNumber(hardware.devices)} × ${hardware.name}` : hardware.name;
  const ring = stages.some(({ parallel }) => parallel.ring > 1) ? commonFact(plan, "devices") : undefined;
  const memory = `${showBytes(hardware.device_bytes)}${many ? " each" : ""}`;
  return `${name}, ${memory}${ring === undefined ? "" : `, in ${ring.replace(/^\d+: /, "")}`} (${hardware.origin})`;
}

/** What one asks first, as large as it is asked for. */
function figures(plan: Plan): string {
  const { model, stages, hardware } = plan;
  if (stages.length === 0) return "";
  const longest = Math.max(model.context, ...stages.map((stage) => stage.context));
  const steps = sum(plan, (stage) => stage.steps);
  const held = Math.max(...stages.map((stage) => deviceNeed(plan, stage)));
  const over = held > hardware.device_bytes;
  const where = hardware.kind === "cpu" ? "memory" : hardware.devices > 1 ? "memory a device" : "device memory";
  const tiles = [
    { name: "context", value: `${showTokens(model.context)} → ${showTokens(longest)}`, more: "tokens" },
    {
      ...{ name: "training", value: showCount(sum(plan, (stage) => stage.tokens)) },
      more: `tokens in ${showNumber(steps)} ${steps === 1 ? "step" : "steps"}`,
    },
    {
      ...{ name: "operations", value: showFlops(sum(plan, ({ flops }) => flops.total)) },
      more: stages.length === 1 ? "one stage" : `${stages.length} stages`,
    },
    { name: "time", value: showDuration(sum(plan, ({ seconds }) => seconds)), more: "estimated" },
    ...(held === 0
      ? []
      : [
          {
            name: where,
            value: showBytes(held),
            more: `${over ? "more than the" : "of"} ${showBytes(hardware.device_bytes)}${over ? " that there are" : ""}`,
          },
        ]),
  ];
  const items = tiles.map(
    ({ name, value, more }) =>
      `<li${over && name === where ? ' class="warn"' : ""}><span>${name}</span> <b>${escapeText(value)}</b> <span>${escapeText(more)}</span></li>`,
  );
  return `<ul class="figures">${items.join("")}</ul>`;
}

function measured({ before, stages }: Plan): string {
  const lines = [
    ...(before ? [`before: ${measure(before)}`] : []),
    ...stages.flatMap(({ name, evaluate }) => (evaluate ? [`after ${name}: ${measure(evaluate)}`] : [])),
  ];
  if (lines.length === 0) return "";
  return `<section><h2>Measured</h2><ul>${lines.map((line) => `<li>${escapeText(line)}</li>`).join("")}</ul></section>`;
}

function measure({ needle, perplexity, gate }: PlanEvaluate): string {
  const span = (lengths: readonly number[]) =>
    [...new Set([lengths[0]!, lengths.at(-1)!])].map((length) => showTokens(length)).join(" … ");
  const parts = [
    ...(needle
      ? [`needle at ${span(needle.lengths)}, ${needle.depths.length} depths × ${needle.samples} samples`]
      : []),
    ...(perplexity ? [`perplexity at ${span(perplexity.lengths)}`] : []),
    ...(gate?.needle == null ? [] : [`needle ≥ ${showRatio(gate.needle)}, else ${gate.otherwise}`]),
    ...(gate?.perplexity == null ? [] : [`perplexity ≤ ${showNumber(gate.perplexity)}, else ${gate.otherwise}`]),
  ];
  return parts.join("; ");
}

/** Every value that the recipe leaves open: folded away, since there are many. */
function chosen({ defaults }: Plan): string {
  if (defaults.length === 0) return "";
  const rows = defaults.map(
    ({ path, value, from }) =>
      `<tr><th scope="row"><code>${escapeText(path)}</code></th><td>${escapeText(value)}</td><td>${escapeText(from)}</td></tr>`,
  );
  return `<details><summary>Not written down, so chosen (${defaults.length})</summary>
<div class="scroll" tabindex="0" role="region" aria-label="Values that were chosen"><table class="plain"><thead><tr><th scope="col">property</th><th scope="col">value</th><th scope="col">where it comes from</th></tr></thead><tbody>${rows.join("")}</tbody></table></div></details>`;
}

import { escapeText } from "../../compiler/drawing/svg.ts";
import { ledgerOf } from "../../compiler/memory/index.ts";
import type { RunRecord, StageRecord } from "./collect.ts";
import { bytes, duration, integer, percent, short, tokenLength } from "./format.ts";

/** What was planned, stage by stage, with what was measured beside it. */
export function planSection(runs: RunRecord[]): string {
  return `<section><h2>The plan, and what it took</h2>
${runs.map((run) => planTable(run, runs.length > 1)).join("\n")}
${runs.map(defaults).join("\n")}</section>`;
}

function planTable(run: RunRecord, several: boolean): string {
  const head = [
    "tokens a row",
    "steps",
    "rows a step",
    "tokens",
    "learning rate",
    "method",
    "data",
    "FLOPs",
    "time",
    "memory",
  ];
  const rows = run.stages.map(stageRow).join("");
  return `<div class="scroll"><table><tr><th>${several ? escapeText(run.name) : "stage"}</th>${head.map((name) => `<th>${name}</th>`).join("")}</tr>${rows}</table></div>
<p class="explain" style="margin-top:10px">The figures below are what the plan predicted.</p>`;
}

function stageRow(stage: StageRecord): string {
  const { plan } = stage;
  const steps =
    stage.steps.length === plan.steps
      ? integer(plan.steps)
      : `${integer(stage.steps.length)} of ${integer(plan.steps)}`;
  const length =
    plan.context > plan.length
      ? `${tokenLength(plan.length)} → ${tokenLength(plan.context)}`
      : tokenLength(plan.length);
  const method = plan.train.lora ? `LoRA, rank ${plan.train.lora.rank}` : "full";
  const mix = Object.entries(plan.mix).map(([name, part]) => `${name} ${percent(part)}`);
  const measured = (value: string | null, predicted: string) =>
    `${value ?? "–"}<span class="second below">${escapeText(predicted)}</span>`;
  const cells = [
    length,
    steps,
    integer(plan.sequences),
    short(plan.tokens),
    plan.train.optimizer.lr.toExponential().replace("e-", "e−"),
    method,
    escapeText(mix.join(", ")),
    short(plan.flops.total),
    measured(stage.steps.length > 0 ? duration(stage.seconds) : null, duration(plan.seconds)),
    measured(stage.memoryBytes === null ? null : bytes(stage.memoryBytes), bytes(ledgerOf(plan).total)),
  ];
  return `<tr><td>${escapeText(plan.name)}</td>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
}

function defaults(run: RunRecord): string {
  if (run.plan.defaults.length === 0) return "";
  const rows = run.plan.defaults.map(
    (entry) =>
      `<tr><td><code>${escapeText(entry.path)}</code></td><td class="words">${escapeText(entry.value)}</td><td class="words">${escapeText(entry.from)}</td></tr>`,
  );
  return `<details><summary>What the recipe ${escapeText(run.plan.recipe)} left to defaults (${run.plan.defaults.length})</summary>
<div class="scroll"><table><tr><th>property</th><th class="words">value</th><th class="words">where it comes from</th></tr>${rows.join("")}</table></div></details>`;
}

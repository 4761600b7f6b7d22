import { escapeText } from "../../compiler/drawing/svg.ts";
import { deviceNeed } from "../../compiler/memory/index.ts";
import type { Plan, PlanPairs, PlanPlace, PlanStage } from "../../compiler/plan.ts";
import { showFlops } from "../../compiler/values/amounts.ts";
import { showBytes, showDuration, showNumber, showRatio, showTokens } from "../../compiler/values/show.ts";

interface Column {
  readonly head: string;
  readonly cell: (stage: PlanStage, plan: Plan) => string;
  /** What the stages come to together. */
  readonly total?: (plan: Plan) => string;
  /** Words, which may be broken; figures are not. */
  readonly words?: boolean;
  /** A reason to look twice. */
  readonly warns?: (stage: PlanStage, plan: Plan) => boolean;
}

/** What the stages come to together. */
export const sum = ({ stages }: Plan, value: (stage: PlanStage) => number) =>
  stages.reduce((total, stage) => total + value(stage), 0);

const COLUMNS: readonly Column[] = [
  { head: "length", cell: showLength },
  { head: "theta", cell: showTheta },
  { head: "pairs", cell: ({ pairs }) => showPairs(pairs), words: true, warns: ({ pairs }) => pairs.extrapolated > 0 },
  { head: "steps", cell: ({ steps }) => showNumber(steps), total: (plan) => showNumber(sum(plan, (s) => s.steps)) },
  { head: "rows", cell: ({ sequences }) => showNumber(sequences) },
  { head: "tokens", cell: ({ tokens }) => showNumber(tokens), total: (plan) => showNumber(sum(plan, (s) => s.tokens)) },
  {
    head: "operations",
    cell: ({ flops }) => showFlops(flops.total),
    total: (plan) => showFlops(sum(plan, ({ flops }) => flops.total)),
  },
  {
    head: "time",
    cell: ({ seconds }) => showDuration(seconds),
    total: (plan) => showDuration(sum(plan, ({ seconds }) => seconds)),
  },
  {
    head: "a device",
    cell: (stage, plan) => (stage.memory.device ? showBytes(deviceNeed(plan, stage)) : "not counted"),
    warns: (stage, plan) => deviceNeed(plan, stage) > plan.hardware.device_bytes,
  },
];

/** Sources of a stage that are told in a cell: of more, the largest and how many others. */
const MOST_SOURCES = 4;

/** What most recipes say once for all stages: a column only where stages differ. */
const COMMON: readonly Column[] = [
  { head: "reads", cell: (stage, plan) => showMix(stage, plan, MOST_SOURCES), words: true },
  { head: "trains", cell: showMethod, words: true },
  { head: "devices", cell: showParallel, words: true },
];

/** What `reads`, `trains` or `devices` says of every stage; undefined where they differ. */
export function commonFact(plan: Plan, name: string): string | undefined {
  const cell = name === "reads" ? showMix : COMMON.find(({ head }) => head === name)!.cell;
  const [first, ...others] = plan.stages.map((stage) => cell(stage, plan));
  return others.every((other) => other === first) ? first : undefined;
}

/** A row for each stage and one for all; in a narrow panel each row becomes a card. */
export function stagesSection(plan: Plan): string {
  const { stages } = plan;
  const columns = [...COLUMNS, ...COMMON.filter(({ head }) => commonFact(plan, head) === undefined)];
  const head = ["stage", ...columns.map(({ head }) => head)];
  // The roles are named because a card is laid out as no table, which takes them away.
  const rows = stages.map((stage, index) => {
    const cells = columns.map(({ head, cell, words, warns }) => {
      const classes = [...(words ? ["words"] : []), ...(warns?.(stage, plan) ? ["warn"] : [])].join(" ");
      return `<td role="cell" data-name="${head}"${classes && ` class="${classes}"`}>${escapeText(cell(stage, plan))}</td>`;
    });
    return `<tr role="row"><th role="rowheader" scope="row">${stageName(plan, index)}</th>${cells.join("")}</tr>`;
  });
  const totals = columns.map(
    ({ head, total }) =>
      `<td role="cell"${total ? ` data-name="${head}"` : ' class="none"'}>${total ? escapeText(total(plan)) : ""}</td>`,
  );
  const all =
    stages.length > 1
      ? `<tfoot role="rowgroup"><tr role="row"><th role="rowheader" scope="row">all</th>${totals.join("")}</tr></tfoot>`
      : "";
  return `<section><h2>Stages</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Stages"><table class="stages" role="table"><thead role="rowgroup"><tr role="row">${head
    .map((name) => `<th role="columnheader" scope="col">${name}</th>`)
    .join("")}</tr></thead><tbody role="rowgroup">${rows.join("\n")}</tbody>${all}</table></div>
${pairLegend(plan)}</section>`;
}

/** The stage's name; where the recipe writes the stage down, a button that leads there. */
export function stageName({ stages, trace }: Plan, index: number): string {
  const name = escapeText(stages[index]!.name);
  const place: PlanPlace | undefined = trace[`/stages/${index}`];
  return place
    ? `<button type="button" class="place" data-file="${escapeText(place.file)}" data-line="${place.line}" data-character="${place.character}" title="Show in the recipe">${name}</button>`
    : name;
}

function showLength({ length, context }: PlanStage): string {
  return context === length ? showTokens(length) : `${showTokens(length)} of ${showTokens(context)}`;
}

/** theta, and what stretches it besides. */
export function showTheta({ rope }: Pick<PlanStage, "rope">): string {
  const theta = showNumber(rope.theta >= 1000 ? Math.round(rope.theta) : rope.theta);
  if (rope.method === "default") return theta;
  const factor = rope.parameters?.factor;
  return typeof factor === "number" ? `${theta}, ${rope.method} × ${showNumber(factor)}` : `${theta}, ${rope.method}`;
}

/** In the order of the sources: a plan as JSON has its keys sorted. */
function showMix({ mix }: PlanStage, { data }: Plan, most = Number.POSITIVE_INFINITY): string {
  const sources = data.sources.filter(({ name }) => (mix[name] ?? 0) > 0).map(({ name }) => name);
  if (sources.length === 1) return sources[0]!;
  const shown = sources.length > most ? [...sources].sort((a, b) => mix[b]! - mix[a]!).slice(0, most - 1) : sources;
  const left = sources.length - shown.length;
  return [...shown.map((name) => `${name} ${showRatio(mix[name]!)}`), ...(left > 0 ? [`${left} more`] : [])].join(", ");
}

function showMethod({ train }: PlanStage): string {
  const method = train.lora ? `LoRA, rank ${train.lora.rank}` : "all weights";
  return `${method}, ${train.dtype}, lr ${showRate(train.optimizer.lr)}`;
}

/** 2e-5, as recipes write it, rather than 0.00002. */
function showRate(lr: number): string {
  return lr < 0.001 ? lr.toExponential() : showNumber(lr);
}

function showParallel({ parallel }: PlanStage): string {
  const { devices, ring, data_parallel } = parallel;
  if (ring > 1) return data_parallel > 1 ? `${devices}: ${data_parallel} rings of ${ring}` : `a ring of ${ring}`;
  return showNumber(devices);
}

const PAIR_WORDS = [
  ["interpolated", "slower", "turns slower than in training, through no new angle"],
  ["raised", "faster", "turns faster, through no new angle"],
  ["stopped", "stopped", "turns no more, and tells no positions apart"],
  ["extrapolated", "out", "reaches angles that the base model has not seen"],
] as const;

function showPairs(pairs: PlanPairs): string {
  // A number stays with its word.
  const changed = PAIR_WORDS.filter(([name]) => pairs[name] > 0).map(([name, word]) => `${pairs[name]}\u00a0${word}`);
  return changed.join(", ") || `${pairs.unchanged} same`;
}

/** What the words of the column say, of those that occur. */
function pairLegend({ model, stages }: Plan): string {
  const words = PAIR_WORDS.filter(([name]) => stages.some(({ pairs }) => pairs[name] > 0));
  if (words.length === 0) return "";
  const entries = words.map(([, word, meaning]) => `<b>${word}</b>: ${meaning}`);
  return `<p class="note">Of ${model.rope.inv_freq.length} rotary pairs. ${entries.join("; ")}.</p>`;
}

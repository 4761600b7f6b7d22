import { deviceNeed, evaluationNeed, evaluationsOf, scoredTokens } from "../compiler/memory/index.ts";
import { keyValueNumbers, trainedContext } from "../compiler/model/index.ts";
import type { Plan, PlanEvaluate, PlanPairs, PlanStage } from "../compiler/plan.ts";
import { showCount, showFlops } from "../compiler/values/amounts.ts";
import { showBytes, showDuration, showNumber, showRatio, showTokens } from "../compiler/values/show.ts";
import { type Cell, type Column, hanging, type Screen, styled, tables } from "./layout.ts";
import { chosenLines, defaultLines } from "./plan_defaults.ts";
import { pairLegend, showPairs } from "./plan_pairs.ts";
import { ringLines } from "./plan_ring.ts";

/** A plan for a person: what is trained, stage by stage, what it takes, what is measured, and every value that was not written down. */
export function planText(plan: Plan, screen: Screen): string {
  const inner = { ...screen, width: screen.width - 2 };
  const paragraphs = (lines: readonly string[]) => lines.flatMap((line) => hanging(line, inner.width, 4));
  const title = (text: string, style: "bold" | "bad" = "bold") => styled(text, style, screen);
  const sections = [
    [title(plan.recipe), ...paragraphs(headline(plan))],
    ["", ...stageTable(plan, inner)],
    [title("Needs more memory than there is", "bad"), ...paragraphs(tooLarge(plan))],
    [title("Memory"), ...paragraphs(uncounted(plan))],
    [title("Ring"), ...ringLines(plan, inner)],
    [title("Measured"), ...paragraphs(measures(plan))],
    [title("Not written down, so chosen"), ...chosenLines(plan, screen)],
    [title("Not written down, so as in every recipe"), ...defaultLines(plan, screen)],
  ];
  return `${sections
    .filter((lines) => lines.length > 1)
    .map(([heading, ...lines]) => [...(heading === "" ? [] : [heading]), ...lines.map(indented)].join("\n"))
    .join("\n\n")}\n`;
}

function indented(line: string): string {
  return line === "" ? "" : `  ${line}`;
}

function headline(plan: Plan): string[] {
  const { model, hardware, data } = plan;
  const longest = Math.max(model.context, ...plan.stages.map((stage) => stage.context));
  const from = model.from ?? "a new model";
  const sources = data.sources.map(({ name, kind }) => (kind === "synthetic" ? `${name} (made up)` : name));
  const active =
    model.active_parameters === undefined ? "" : ` (${showCount(model.active_parameters)} of them for each token)`;
  const devices = hardware.devices > 1 ? `${hardware.devices} × ${hardware.name}` : hardware.name;
  return [
    `${from}: ${showCount(model.parameters)} parameters${active}, ${showTokens(model.context)} → ${showTokens(longest)} tokens`,
    `reads ${sources.join(", ") || "nothing"}`,
    `on ${devices}, ${showBytes(hardware.device_bytes)} each (${hardware.origin})`,
  ];
}

/** A row for each stage, and what they come to together. */
function stageTable(plan: Plan, screen: Screen): string[] {
  const { stages } = plan;
  const pairs = stages.map((stage) => stage.pairs);
  const sum = (value: (stage: PlanStage) => number) => stages.reduce((total, stage) => total + value(stage), 0);
  const column = (
    head: string,
    cell: (stage: PlanStage, k: number) => string | Cell,
    total = "",
    align: "left" | "right" = "left",
  ): Column => ({ head, align, cells: [...stages.map(cell), ...(stages.length > 1 ? [total] : [])] });
  const number = (head: string, value: (stage: PlanStage) => number, total = "") =>
    column(head, (stage) => showNumber(value(stage)), total, "right");
  const training = [
    column("length", showLength, "", "right"),
    column("theta", showTheta, "", "right"),
    column("pairs", (_, k) => pairCell(pairs[k]!)),
    number("steps", ({ steps }) => steps, showNumber(sum(({ steps }) => steps))),
    number("rows", ({ sequences }) => sequences),
    number("tokens", ({ tokens }) => tokens, showNumber(sum(({ tokens }) => tokens))),
  ];
  const cost = [
    column("FLOPs", ({ flops }) => showFlops(flops.total), showFlops(sum(({ flops }) => flops.total))),
    column("time", ({ seconds }) => showDuration(seconds), showDuration(sum(({ seconds }) => seconds))),
    column("device", (stage) => deviceCell(plan, stage)),
    column("host", (stage) => showHost(plan, stage)),
  ];
  const legend = pairLegend(plan, pairs);
  const unshown = unshownLines(plan);
  const first = column("stage", ({ name }) => name, "all");
  return [
    ...tables(first, [training, cost], screen),
    ...(legend === null ? [] : ["", ...hanging(legend, screen.width, 4)]),
    ...(unshown.length === 0 ? [] : ["", ...unshown.flatMap((line) => hanging(line, screen.width, 4))]),
  ];
}

/** PoSE's short rows stand for longer ones; those under a stretched table are what they are, and the model is made for more. */
function showLength({ length, context, positions }: PlanStage): string {
  if (context === length) return showTokens(length);
  return `${showTokens(length)} ${positions.kind === "pose" ? "of" : "for"} ${showTokens(context)}`;
}

/** What a stage promises beyond what any row of its table shows. */
function unshownLines(plan: Plan): string[] {
  return plan.stages.flatMap(({ name, context, rope }, k) => {
    const shown = trainedContext(plan, k);
    if (context <= shown) return [];
    return `${name} is made for ${showTokens(context)} by its table (${rope.method}); its rows show positions up to ${showTokens(shown)}`;
  });
}

function showTheta({ rope }: PlanStage): string {
  // Digits after the point say nothing beside a theta of thousands; the plan itself has them all.
  const theta = showNumber(rope.theta >= 1000 ? Math.round(rope.theta) : rope.theta);
  const factor = rope.parameters?.factor;
  if (rope.method === "default") return theta;
  return typeof factor === "number" ? `${theta} ${rope.method} × ${showNumber(factor)}` : `${theta} ${rope.method}`;
}

function pairCell(pairs: PlanPairs): Cell {
  return { text: showPairs(pairs), ...(pairs.extrapolated > 0 && { style: "warn" as const }) };
}

function deviceCell(plan: Plan, stage: PlanStage): Cell {
  if (!stage.memory.device) return { text: "–" };
  const need = deviceNeed(plan, stage);
  const tooLarge = need > plan.hardware.device_bytes;
  return { text: showBytes(need), ...(tooLarge && { style: "bad" as const }) };
}

/** On a CPU the device's memory is the host's. What waits on its disk is told besides. */
function showHost(plan: Plan, stage: PlanStage): string {
  const bytes = Object.values(stage.memory.host).reduce((sum, part) => sum + part, 0);
  const memory = bytes > 0 ? showBytes(bytes) : plan.hardware.kind === "cpu" ? "same" : "–";
  return stage.memory.disk > 0 ? `${memory} + ${showBytes(stage.memory.disk)} on disk` : memory;
}

/** What takes the room where there is too little. */
function tooLarge(plan: Plan): string[] {
  const { stages, hardware, model } = plan;
  const evaluations = evaluationsOf(plan).flatMap(({ subject, evaluate }) => {
    const need = evaluationNeed(model, hardware.kind, evaluate);
    if (need <= hardware.device_bytes) return [];
    const rows = showTokens(scoredTokens(evaluate));
    return `${subject}: ${showBytes(need)} on one device of ${showBytes(hardware.device_bytes)}, for up to ${rows} tokens at once`;
  });
  const training = stages.flatMap((stage) => {
    const { name, memory } = stage;
    const need = deviceNeed(plan, stage);
    if (!memory.device || need <= hardware.device_bytes) return [];
    const { total, ...terms } = memory.device;
    const parts = Object.entries({ ...terms, "CUDA and its kernels": need - total })
      .filter(([, bytes]) => bytes > need / 20)
      .sort(([, a], [, b]) => b - a)
      .map(([term, bytes]) => `${term.replace("_", " ")} ${showBytes(bytes)}`);
    return `${name}: ${showBytes(need)} on each device of ${showBytes(hardware.device_bytes)}: ${parts.join(", ")}`;
  });
  return [...training, ...evaluations];
}

/** Numbers of fp32 that training keeps of a parameter: weight, gradient and AdamW's two moments. */
const STATE = 4;

/** What is known of the memory of a model that no engine computes. */
function uncounted({ model, stages }: Plan): string[] {
  if (stages.every(({ memory }) => memory.device !== null)) return [];
  const state = showBytes(4 * STATE * model.parameters);
  const cached = showBytes(2 * model.layers * keyValueNumbers(model));
  return [
    `not counted: what a device keeps depends on the engine, and none here computes ${model.family}`,
    `weights, gradients and two moments are ${state} in fp32 over all devices, a key-value cache ${cached} a token in bf16`,
  ];
}

function measures(plan: Plan): string[] {
  const lines = plan.before ? [`before: ${measure(plan.before)}`] : [];
  return [
    ...lines,
    ...plan.stages.flatMap((stage) => (stage.evaluate ? [`after ${stage.name}: ${measure(stage.evaluate)}`] : [])),
  ];
}

function measure({ needle, perplexity, gate, seconds }: PlanEvaluate): string {
  const span = (lengths: readonly number[]) => {
    const [first, last] = [lengths[0]!, lengths.at(-1)!];
    return lengths.length > 1 ? `${showTokens(first)} … ${showTokens(last)}` : showTokens(first);
  };
  const parts: string[] = [];
  if (needle) {
    parts.push(`needle at ${span(needle.lengths)} × ${needle.depths.length} depths × ${needle.samples} samples`);
  }
  if (perplexity) parts.push(`perplexity at ${span(perplexity.lengths)}`);
  if (seconds !== undefined && seconds >= 1) parts.push(`in about ${showDuration(seconds)}`);
  const bounds = [
    ...(gate?.needle == null ? [] : [`needle ≥ ${showRatio(gate.needle)}`]),
    ...(gate?.perplexity == null ? [] : [`perplexity ≤ ${showNumber(gate.perplexity)}`]),
  ];
  return gate && bounds.length > 0
    ? `${parts.join(", ")}; ${bounds.join(" and ")}, else ${gate.otherwise}`
    : parts.join(", ");
}

import { element, escapeText } from "../../compiler/drawing/svg.ts";
import { deviceNeed } from "../../compiler/memory/index.ts";
import type { Plan, PlanLedger, PlanStage } from "../../compiler/plan.ts";
import { showBytes, showRatio } from "../../compiler/values/show.ts";

type Term = Exclude<keyof PlanLedger, "total">;

/** The terms of the ledger in the order in which bars are stacked; the place is the number of the colour. */
const TERMS: readonly Term[] = [
  "weights",
  "gradients",
  "optimizer",
  "activations",
  "checkpoints",
  "logits",
  "workspace",
  "kv_cache",
];

/** The share of a host's memory from which on there is something to see of it in a bar. */
const LEAST_DRAWN = 0.01;

/** What CUDA takes beside the ledger has the colour of the cache, which training has none of. */
const BESIDE = TERMS.indexOf("kv_cache");
const CUDA = "CUDA and its kernels";

interface Part {
  readonly name: string;
  readonly bytes: number;
  readonly colour: number;
}

/** What a device holds in each stage, and what its host holds besides, as stacked bars beside what there is. */
export function memorySection(plan: Plan): string {
  const { stages, hardware } = plan;
  if (stages.length === 0) return "";
  const ledgers = stages.flatMap(({ memory }) => memory.device ?? []);
  if (ledgers.length < stages.length) {
    const why = `Not counted: what a model of ${plan.model.family} keeps in memory depends on an engine that computes it.`;
    return `<section><h2>Memory</h2>\n<p class="note">${escapeText(why)}</p></section>`;
  }
  const devices = stages.map((stage, k) => ({
    stage,
    parts: [
      ...TERMS.map((term, colour): Part => ({ name: wording(term), bytes: ledgers[k]![term], colour })),
      { name: CUDA, bytes: deviceNeed(plan, stage) - ledgers[k]!.total, colour: BESIDE },
    ],
    total: deviceNeed(plan, stage),
  }));
  const hosts = stages.map((stage) => {
    const parts = Object.entries(stage.memory.host).map(
      ([name, bytes], colour): Part => ({ name: wording(name), bytes, colour }),
    );
    return { stage, parts, total: parts.reduce((sum, { bytes }) => sum + bytes, 0) };
  });
  const each = hardware.devices > 1 ? `Each of ${hardware.devices} devices` : "The device";
  const alike = hardware.devices > 1 ? "; all hold the same" : "";
  const most = Math.max(...hosts.map(({ total }) => total));
  // A CPU's memory is the host's: nothing is said twice.
  const same = hardware.kind === "cpu" && hosts.every(({ total }, k) => total <= ledgers[k]!.total);
  const host = same
    ? ""
    : most >= LEAST_DRAWN * hardware.host_bytes
      ? `<h3>Each host: ${showBytes(hardware.host_bytes)}</h3>${bars(hosts, hardware.host_bytes)}`
      : most > 0
        ? `<p class="note">Each host holds at most ${showBytes(most)} of its ${showBytes(hardware.host_bytes)} besides.</p>`
        : "";
  return `<section><h2>Memory</h2>
<h3>${each}: ${showBytes(hardware.device_bytes)}${alike}</h3>
${bars(devices, hardware.device_bytes)}
${host}
${disk(stages)}
${ledger(plan, ledgers)}</section>`;
}

/** A bar for each stage over one common scale, whose end is what there is, or the largest bar where that is not enough. */
function bars(rows: readonly { stage: PlanStage; parts: readonly Part[]; total: number }[], capacity: number): string {
  const end = Math.max(capacity, ...rows.map(({ total }) => total));
  const drawn = rows.map(({ stage, parts, total }) => {
    const over = total > capacity;
    const verdict = over ? `${showBytes(total - capacity)} too much` : showUsed(total / capacity);
    const shown = parts.filter(({ bytes }) => bytes > 0);
    const title = `${stage.name}: ${showBytes(total)} of ${showBytes(capacity)}, ${verdict}: ${shown
      .map(({ name, bytes }) => `${name} ${showBytes(bytes)}`)
      .join(", ")}`;
    let from = 0;
    const rectangles = shown.map(({ name, bytes, colour }) => {
      const x = from;
      from += bytes;
      return element(
        "rect",
        { x: percent(x / end), y: 2, width: percent(bytes / end), height: 16, class: `m${colour % 8}` },
        `<title>${escapeText(`${name}: ${showBytes(bytes)}`)}</title>`,
      );
    });
    const limit = element("line", {
      ...{ x1: percent(capacity / end), x2: percent(capacity / end), y1: 0, y2: 20 },
      class: over ? "limit over" : "limit",
    });
    return `<div class="bar"><div class="caption"><span>${escapeText(stage.name)}</span><span${over ? ' class="warn"' : ""}>${escapeText(`${showBytes(total)} (${verdict})`)}</span></div>
${element("svg", { width: "100%", height: 20, role: "img", "aria-label": title }, element("rect", { x: 0, y: 2, width: "100%", height: 16, class: "trough" }), ...rectangles, limit)}</div>`;
  });
  return `${drawn.join("\n")}${legend(rows.flatMap(({ parts }) => parts))}`;
}

function showUsed(share: number): string {
  return share < 0.001 ? "under 0.1%" : showRatio(Number(share.toPrecision(2)));
}

/** Every term that is anywhere more than nothing, once. */
function legend(parts: readonly Part[]): string {
  const names = new Map(parts.filter(({ bytes }) => bytes > 0).map(({ name, colour }) => [name, colour]));
  const entries = [...names].map(
    ([name, colour]) =>
      `<li>${element("svg", { width: 12, height: 12, "aria-hidden": "true" }, element("rect", { width: 12, height: 12, rx: 2, class: `m${colour % 8}` }))}${escapeText(name)}</li>`,
  );
  return `<ul class="legend">${entries.join("")}</ul>`;
}

function disk(stages: readonly PlanStage[]): string {
  const lines = stages
    .filter(({ memory }) => memory.disk > 0)
    .map(({ name, memory }) => `${name}: ${showBytes(memory.disk)} of layer inputs wait on the host's disk`);
  return lines.length === 0
    ? ""
    : `<ul class="note">${lines.map((line) => `<li>${escapeText(line)}</li>`).join("")}</ul>`;
}

/** The same to the byte. */
function ledger(plan: Plan, ledgers: readonly PlanLedger[]): string {
  const { stages } = plan;
  const needs = stages.map((stage) => deviceNeed(plan, stage));
  const beside = needs.map((need, k) => need - ledgers[k]!.total);
  const terms = TERMS.filter((term) => ledgers.some((of) => of[term] > 0));
  const row = (name: string, bytes: readonly number[]) =>
    `<tr><th scope="row">${escapeText(name)}</th>${bytes.map((count) => `<td>${grouped(count)}</td>`).join("")}</tr>`;
  const held = (term: keyof PlanLedger) => ledgers.map((of) => of[term]);
  const hostTerms = [...new Set(stages.flatMap(({ memory }) => Object.keys(memory.host)))];
  return `<details><summary>To the byte</summary>
<div class="scroll" tabindex="0" role="region" aria-label="Bytes by term"><table class="plain numbers"><thead><tr><th scope="col">bytes</th>${stages
    .map(({ name }) => `<th scope="col">${escapeText(name)}</th>`)
    .join("")}</tr></thead><tbody>${terms.map((term) => row(wording(term), held(term))).join("")}${
    beside.some((bytes) => bytes > 0) ? row(CUDA, beside) : ""
  }${row("a device", needs)}${hostTerms
    .map((term) =>
      row(
        `host: ${wording(term)}`,
        stages.map(({ memory }) => memory.host[term] ?? 0),
      ),
    )
    .join("")}</tbody></table></div></details>`;
}

function wording(term: string): string {
  return term === "kv_cache" ? "keys and values" : term.replaceAll("_", " ");
}

/** Five digits after the point: a bar of 1000 pixels is exact to a hundredth of one. */
function percent(share: number): string {
  return `${Number((share * 100).toFixed(5))}%`;
}

function grouped(bytes: number): string {
  return bytes.toLocaleString("en-US");
}

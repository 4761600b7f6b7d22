/** What the panel draws is measured off the drawing, and held against the plan. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { describe, expect, test } from "vitest";
import { nodeHost } from "../../cli/host.ts";
import { analyze } from "../../compiler/analyze.ts";
import { deviceNeed } from "../../compiler/memory/index.ts";
import type { Plan, PlanStage } from "../../compiler/plan.ts";
import { baseFrequencies, classifyPairs } from "../../compiler/rope/index.ts";
import { seen } from "../../editor/panel/frequencies.ts";
import { panelStyle, renderPlan } from "../../editor/panel/index.ts";
import { smallestTheta } from "../../editor/panel/theta.ts";
import { planOf, tiny } from "../compiler/recipes.ts";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

function recipe(name: string): Plan {
  const file = join(root, "recipes", name);
  const { plan, diagnostics } = analyze(readFileSync(file, "utf8"), nodeHost(), { file });
  if (!plan) throw new Error(diagnostics.map(({ code, label }) => `${code} ${label}`).join("\n"));
  return plan;
}

const recipes = readdirSync(join(root, "recipes"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ctx") && !name.startsWith("models"))
  .sort();

/** A stage that is made for each test. */
const stage = (text: string) => `${tiny}${text}\n`;

const attribute = (tag: string, name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1] ?? "";
const number = (tag: string, name: string) => Number.parseFloat(attribute(tag, name));
const tags = (html: string, pattern: RegExp) => [...html.matchAll(pattern)].map(([tag]) => tag);

/** Elements that HTML knows, opened and closed in order; SVG's own may close themselves. */
function unbalanced(html: string): string | null {
  const open: string[] = [];
  for (const [, closing, name, selfClosing] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*?(\/?)>/gi)) {
    if (selfClosing) continue;
    if (!closing) open.push(name!);
    else if (open.pop() !== name) return `</${name}> after <${open.at(-1) ?? ""}>`;
  }
  return open.length === 0 ? null : `<${open.join("><")}> never closed`;
}

/** Charts in order, each with the map from its pixels back to values. */
function chartsOf(html: string): { svg: string; value: (y: number) => number }[] {
  return tags(html, /<figure class="chart">[\s\S]*?<\/figure>/g).map((figure) => {
    const svg = /<svg[\s\S]*<\/svg>/.exec(figure)![0];
    const ticks = tags(svg, /<text[^>]*text-anchor="end" class="tick">[^<]*/g).map((tag) => ({
      y: number(tag, "y") - 4,
      power: powerOf(tag.slice(tag.indexOf(">") + 1)),
    }));
    const [low, high] = [ticks[0]!, ticks.at(-1)!];
    expect(ticks.length, "an axis needs two ticks to be read").toBeGreaterThan(1);
    const slope = (high.power - low.power) / (high.y - low.y);
    return { svg, value: (y) => 10 ** (low.power + (y - low.y) * slope) };
  });
}

function powerOf(text: string): number {
  const exponent = /^10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)$/.exec(text)?.[1];
  if (exponent === undefined) return Math.log10(Number(text.replaceAll(",", "")));
  return Number([...exponent].map((digit) => (digit === "⁻" ? "-" : "⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(digit))).join(""));
}

/** The y of a path's points. */
const heights = (path: string) => [...attribute(path, "d").matchAll(/[ML][\d.]+ ([\d.]+)/g)].map(([, y]) => Number(y));

/** Within half a percent: a hundredth of a pixel is a thousandth of the value here. */
function expectClose(drawn: readonly number[], planned: readonly number[]): void {
  expect(drawn.length).toBe(planned.length);
  for (const [index, value] of drawn.entries()) expect(Math.abs(value / planned[index]! - 1)).toBeLessThan(0.005);
}

describe.each(recipes)("%s", (name) => {
  const plan = recipe(name);
  const html = renderPlan(plan);

  test("is well formed and stands under a strict policy", () => {
    expect(unbalanced(html)).toBeNull();
    expect(html).not.toMatch(/\b(?:undefined|NaN|Infinity|\[object)/);
    expect(html).not.toMatch(/<script|<img|<link|\sstyle=|\son[a-z]+=|https?:|url\(/i);
  });

  test("memory bars are the ledger, and what CUDA takes beside it, to scale", () => {
    const bars = tags(html, /<div class="bar">[\s\S]*?<\/div>\n<svg[\s\S]*?<\/svg><\/div>/g);
    const { device_bytes } = plan.hardware;
    const ledgers = plan.stages.flatMap(({ memory }) => memory.device ?? []);
    // Of a model that no engine computes there is no ledger, and that is said.
    expect(html.includes("depends on an engine that computes it")).toBe(ledgers.length === 0);
    if (ledgers.length === 0) return expect(bars).toEqual([]);
    const needs = plan.stages.map((stage) => deviceNeed(plan, stage));
    const end = Math.max(device_bytes, ...needs);
    for (const [index, { total: arena, ...terms }] of ledgers.entries()) {
      const total = needs[index]!;
      const parts = tags(bars[index]!, /<rect[^>]*class="m\d"/g);
      const expected = [...Object.values(terms), total - arena].filter((bytes) => bytes > 0);
      expect(parts.map((part) => number(part, "width")).sort((a, b) => a - b)).toEqual(
        expected.map((bytes) => Number(((bytes / end) * 100).toFixed(5))).sort((a, b) => a - b),
      );
      const last = parts.at(-1)!;
      expect(number(last, "x") + number(last, "width")).toBeCloseTo((total / end) * 100, 4);
      const [limit] = tags(bars[index]!, /<line[^>]*class="limit[^>]*/g);
      expect(number(limit!, "x1")).toBeCloseTo((device_bytes / end) * 100, 4);
    }
    // Of a host that holds next to nothing, or what the CPU's bar shows already, there is nothing to see.
    const held = plan.stages.map(({ memory }) => Object.values(memory.host).reduce((sum, bytes) => sum + bytes, 0));
    const most = Math.max(...held);
    const same = plan.hardware.kind === "cpu" && held.every((bytes, k) => bytes <= ledgers[k]!.total);
    const drawn = !same && most >= 0.01 * plan.hardware.host_bytes;
    expect(bars.length).toBe(plan.stages.length * (drawn ? 2 : 1));
    if (!same && !drawn && most > 0) expect(html).toContain("Each host holds at most");
  });

  test("theta stands where the axis says", () => {
    const { svg, value } = chartsOf(html)[0]!;
    const [path] = tags(svg, /<path[^>]*class="line stage"[^>]*/g);
    expectClose(heights(path!).map(value), [plan.model.rope.theta, ...plan.stages.map(({ rope }) => rope.theta)]);
  });

  test("inverse frequencies stand where the axis says, and those beyond the shade are the extrapolated pairs", () => {
    const charts = chartsOf(html).slice(1);
    expect(charts.length).toBe(plan.stages.length);
    for (const [index, { svg, value }] of charts.entries()) {
      const { rope, pairs } = plan.stages[index]!;
      const [now] = tags(svg, /<path[^>]*class="line stage"[^>]*/g);
      const [before] = tags(svg, /<path[^>]*class="line before"[^>]*/g);
      expectClose(
        heights(now!).map(value),
        rope.inv_freq.filter((frequency) => frequency > 0),
      );
      expectClose(
        heights(before!).map(value),
        plan.model.rope.inv_freq.filter((frequency) => frequency > 0),
      );
      const shade = attribute(tags(svg, /<polygon[^>]*/g)[0]!, "points")
        .split(" ")
        .slice(1, -1)
        .map((corner) => Number(corner.split(",")[1]));
      const bounds = seen(plan, plan.stages[index]!);
      for (const [pair, bound] of bounds.entries()) {
        expect(shade[2 * pair]).toBe(shade[2 * pair + 1]);
        // A pair that turned all the way round is shaded to the frame's edge.
        if (bound === Number.POSITIVE_INFINITY) expect(shade[2 * pair]).toBe(24);
        else if (bound > 0) expectClose([value(shade[2 * pair]!)], [bound]);
      }
      const out = pairs.classes.flatMap((kind, pair) => (kind === "extrapolated" ? [pair] : []));
      expect(rope.inv_freq.flatMap((now, pair) => (now > bounds[pair]! * (1 + 1e-6) ? [pair] : []))).toEqual(out);
      const dots = tags(svg, /<circle[^>]*class="dot out"[^>]*/g);
      expectClose(
        dots.map((dot) => value(number(dot, "cy"))),
        out.map((pair) => rope.inv_freq[pair]!),
      );
    }
  });
});

test("the shade of theta begins where no pair is extrapolated any more", () => {
  const plan = recipe("gradient-llama3-1m.ctx");
  const { model } = plan;
  const at = (theta: number, { context }: PlanStage) =>
    classifyPairs(model.rope.inv_freq, model.context, baseFrequencies(theta, model.head_dim), context).extrapolated;
  for (const each of plan.stages) {
    const least = smallestTheta(plan, each)!;
    expect(at(least * 1.0001, each)).toBe(0);
    expect(at(least * 0.999, each)).toBeGreaterThan(0);
    // The published thetas of three of the stages lie below it, by four, two and one pair.
    expect(each.rope.theta < least).toBe(each.pairs.extrapolated > 0);
  }
});

test("theta has no shade where the table is not plain", () => {
  const plan = planOf(stage("rope { method = yarn(factor: 4) }\nstage a { length = 1Ki  steps = 2  batch = 1 }"));
  expect(smallestTheta(plan, plan.stages[0]!)).toBeNull();
  expect(chartsOf(renderPlan(plan))[0]!.svg).not.toContain("<polygon");
});

test("what does not fit is said, and drawn past the line", () => {
  const plan = planOf(stage("stage a { length = 1Ki  steps = 2  batch = 1 }"));
  const device_bytes = Math.floor(plan.stages[0]!.memory.device!.total / 2);
  const html = renderPlan({ ...plan, hardware: { ...plan.hardware, device_bytes } });
  expect(html).toContain("too much");
  const [limit] = tags(html, /<line[^>]*class="limit over"[^>]*/g);
  expect(number(limit!, "x1")).toBeCloseTo(50, 1);
});

test("the table says what the plan says", () => {
  const cells = tags(renderPlan(recipe("gradient-llama3-1m.ctx")), /<tr role="row">[\s\S]*?<\/tr>/g).map((row) =>
    tags(row, /<t[hd][^>]*>[\s\S]*?<\/t[hd]>/g).map((cell) => cell.replace(/<[^>]*>/g, "").replaceAll("\u00a0", " ")),
  );
  expect(cells[1]).toEqual([
    ...["s64k", "64Ki", "15,296,098", "59 slower, 4 out", "30", "32", "62,914,560", "6.62 EFLOP", "97 s", "67 GiB"],
  ]);
  expect(cells.at(-1)).toEqual(["all", "", "", "", "154", "", "1,421,869,056", "1.11 ZFLOP", "83 min", ""]);
});

test("what all stages have in common stands above them, and what differs in columns", () => {
  const facts = (html: string) =>
    Object.fromEntries([...html.matchAll(/<dt>(\w+)<\/dt><dd>([^<]*)<\/dd>/g)].map(([, name, value]) => [name, value]));
  const plan = recipe("gradient-llama3-1m.ctx");
  expect(facts(renderPlan(plan))).toMatchObject({
    ...{ reads: "pajama 90%, chat 10%", trains: "all weights, bf16, lr 2e-5" },
    on: expect.stringContaining("512 × H100, 79 GiB each, in 8 rings of 64 ("),
  });
  const [first, ...others] = plan.stages;
  const html = renderPlan({ ...plan, stages: [{ ...first!, mix: { pajama: 0.5, chat: 0.5 } }, ...others] });
  expect(html).toContain('data-name="reads" class="words">pajama 50%, chat 50%<');
  expect(html).not.toContain('data-name="trains"');
  expect(facts(html)).toMatchObject({ reads: "pajama, chat" });
  // Of many sources a cell tells the largest.
  expect(renderPlan(recipe("published/prolong-llama3-512k.ctx"))).toMatch(
    /data-name="reads" class="words">(?:\w+ [\d.]+%, ){3}\d+ more</,
  );
});

test("the figures above all are those of the plan", () => {
  const figures = (html: string) =>
    tags(html, /<ul class="figures">[\s\S]*?<\/ul>/g)[0]!
      .split("<li")
      .slice(1)
      .map((item) => item.replace(/^[^>]*>|<[^>]*>/g, ""));
  const plan = recipe("gradient-llama3-1m.ctx");
  expect(figures(renderPlan(plan))).toEqual([
    ...["context 8Ki → 1Mi tokens", "training 1.42 B tokens in 154 steps", "operations 1.11 ZFLOP 4 stages"],
    ...["time 83 min estimated", "memory a device 70 GiB of 79 GiB"],
  ]);
  const small = { ...plan, hardware: { ...plan.hardware, device_bytes: 40 * 2 ** 30 } };
  expect(figures(renderPlan(small)).at(-1)).toBe("memory a device 70 GiB more than the 40 GiB that there are");
  expect(renderPlan(small)).toContain('<li class="warn"><span>memory a device');
});

test("a stage's name leads to its place in the recipe", () => {
  const plan = recipe("gradient-llama3-1m.ctx");
  const [button] = tags(renderPlan(plan), /<button[^>]*>s64k/g);
  const place = plan.trace["/stages/0"]!;
  expect([attribute(button!, "data-file"), number(button!, "data-line"), number(button!, "data-character")]).toEqual([
    place.file,
    place.line,
    place.character,
  ]);
});

test("text from a recipe stays text", () => {
  const hostile = `"><script>alert(1)</script>`;
  const plan = planOf(stage("stage a { length = 1Ki  steps = 2  batch = 1 }"));
  const html = renderPlan({
    ...plan,
    recipe: hostile,
    model: { ...plan.model, from: hostile },
    hardware: { ...plan.hardware, name: hostile, origin: hostile },
    stages: plan.stages.map((each) => ({
      ...{ ...each, name: hostile, mix: { [hostile]: 1 } },
      memory: { ...each.memory, host: { [hostile]: 1 } },
    })),
    defaults: [{ path: hostile, value: hostile, from: hostile }],
    trace: { "/stages/0": { file: hostile, line: 0, character: 0 } },
  });
  expect(html).not.toContain("<script");
  expect(unbalanced(html)).toBeNull();
});

test("many stages with long names keep the words under the axis apart", () => {
  const stages = Array.from(
    { length: 8 },
    (_, k) => `stage a_rather_long_name_${k} { length = 256  steps = 2  batch = 1 }`,
  );
  const { svg } = chartsOf(renderPlan(planOf(stage(stages.join("\n")))))[0]!;
  const words = tags(svg, /<text[^>]*rotate[^>]*>[^<]*/g).map((tag) => tag.slice(tag.indexOf(">") + 1));
  expect(words.length).toBe(9);
  expect(Math.max(...words.map((word) => word.length))).toBeLessThanOrEqual(14);
});

test("runs in a browser: no module of Node's, and every class of the drawing has its rule", async () => {
  const { outputFiles, metafile } = await build({
    ...{ entryPoints: [join(root, "editor/panel/index.ts")], bundle: true, write: false, metafile: true },
    ...{ platform: "browser", format: "esm", logLevel: "silent" },
  });
  expect(Object.keys(metafile.inputs).some((path) => path.endsWith("panel/theta.ts"))).toBe(true);
  expect(outputFiles[0]!.text.length).toBeLessThan(62_000);
  const classes = new Set(
    [...renderPlan(recipe("million.ctx")).matchAll(/class="([^"]*)"/g)].flatMap(([, names]) => names!.split(" ")),
  );
  const unruled = [...classes].filter((name) => !panelStyle.includes(`.${name}`));
  // A plain table is what tables are without a class.
  expect(unruled).toEqual(["plain"]);
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { duration, percent, tick, tokenLength } from "../../runtime/report/format.ts";
import { heatColour } from "../../runtime/report/heat_map.ts";
import { thin } from "../../runtime/report/training_section.ts";
import { writeReport } from "../../runtime/report/write.ts";
import { writeSampleRun } from "./sample_run.ts";

function report(recipe = "quickstart", change: (root: string) => void = () => {}): string {
  const parent = mkdtempSync(join(tmpdir(), "ctx-report-"));
  const root = join(parent, recipe, "1");
  writeSampleRun(root, recipe);
  change(root);
  writeReport([root], join(root, "report.html"));
  return readFileSync(join(root, "report.html"), "utf8");
}

test("the report says what was extended, how far, and how well", () => {
  const html = report();
  expect(html).toContain("took a model from 256 to 2,048 tokens of context, 8 times as far.");
  expect(html).toContain("99% of the time at the weakest length; before, 0%");
  expect(html).toContain("Needle accuracy, Before");
  expect(html).toContain("2,048 tokens, depth 0%: 19 of 20 right");
  expect(html).toContain("base model trained to 256");
  for (const section of [
    "Can it find a needle?",
    "further in?",
    "How the training went",
    "How positions were stretched",
    "The plan, and what it took",
    "Do it again",
  ]) {
    expect(html).toContain(section);
  }
});

test("ticks are exact, and the figure of the far end is told from that of whole windows", () => {
  expect([1024, 2048, 50, 0.5, 2.5].map(tick)).toEqual(["1,024", "2,048", "50", "0.5", "2.5"]);
  const html = report();
  expect(html).toMatch(/Perplexity at the far end alone, near position 2,048, is /);
  expect(html).toContain("perplexity over whole windows of");
});

test("it is one file that needs nothing else and runs nothing", () => {
  const html = report();
  expect(html).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
  expect(html).not.toMatch(/<script|<img|<link|<iframe|\son\w+=|url\(|@import|https?:\/\//);
  expect(html).not.toMatch(/NaN|undefined|Infinity/);
});

test("text from recipes cannot become markup", () => {
  const html = report("quickstart", (root) => {
    const plan = JSON.parse(readFileSync(join(root, "plan.json"), "utf8"));
    plan.recipe = `<img src=x onerror="alert(1)">`;
    plan.stages[0].rope.formula = "</code><script>1</script>";
    writeFileSync(join(root, "plan.json"), JSON.stringify(plan));
  });
  expect(html).not.toMatch(/<img|<script/);
  expect(html).toContain("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;");
});

test("an unfinished run, without evaluations or steps, still gives a report", () => {
  const html = report("quickstart", (root) => {
    rmSync(join(root, "eval"), { recursive: true });
    rmSync(join(root, "metrics.jsonl"));
  });
  expect(html).toContain("(unfinished)");
  expect(html).not.toMatch(/NaN|undefined|Infinity/);
});

test("several runs stand side by side", () => {
  const parent = mkdtempSync(join(tmpdir(), "ctx-report-"));
  const roots = ["one", "two"].map((name) => join(parent, name, "1"));
  for (const root of roots) writeSampleRun(root);
  const runs = writeReport(roots, join(parent, "both.html"));
  const html = readFileSync(join(parent, "both.html"), "utf8");
  expect(runs.map((run) => run.name)).toEqual(["one/1", "two/1"]);
  expect(html).toContain("2 runs, side by side");
  expect(html).toContain("Needle accuracy, one/1, before");
  expect(html).toContain("Needle accuracy, two/1, after stage “long”");
});

test("figures are written for people", () => {
  expect([256, 1024, 1536, 4096, 2 ** 20, 1000].map(tokenLength)).toEqual([
    "256",
    "1Ki",
    "1,536",
    "4Ki",
    "1Mi",
    "1,000",
  ]);
  expect([1, 0.9996, 0.95, 0.123, 0].map(percent)).toEqual(["100%", "99.9%", "95%", "12.3%", "0%"]);
  expect([3.21, 75, 185, 7300].map(duration)).toEqual(["3.2 s", "75 s", "3 min 05 s", "2 h 01 min"]);
});

test("long curves are thinned to means with their range", () => {
  const points = Array.from({ length: 2000 }, (_, x) => ({ x, y: x % 5 }));
  const thinned = thin(points);
  expect(thinned).toHaveLength(400);
  expect(thinned[0]).toEqual({ x: 2, y: 2, low: 0, high: 4 });
});

test("every colour of the heat map leaves its number readable", () => {
  const luminance = (rgb: number[]) => {
    const [r, g, b] = rgb.map((value) =>
      value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  for (let value = 0; value <= 1; value += 0.05) {
    const { fill, dark } = heatColour(value);
    const [light, dim] = [
      luminance(fill.match(/\d+/g)!.map(Number)),
      luminance(dark ? [255, 255, 255] : [20, 14, 8]),
    ].sort((a, b) => b - a);
    // WCAG 2 asks for 4.5 for small text and 3 for large; these figures are bold.
    expect((light! + 0.05) / (dim! + 0.05)).toBeGreaterThan(4.3);
  }
});

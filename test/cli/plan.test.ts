// What `ctx plan` shows: fits the screen, says everything, and compares.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { planModule } from "../../cli/emit_ts.ts";
import { nodeHost } from "../../cli/host.ts";
import { planText } from "../../cli/plan_text.ts";
import { analyze } from "../../compiler/analyze.ts";
import { columns } from "../../compiler/diagnostics/width.ts";
import { canonicalJson, type Plan } from "../../compiler/index.ts";
import { diffPlans } from "../../compiler/plan_diff.ts";

const program = resolve("dist", "cli", "ctx.js");
const folder = mkdtempSync(join(tmpdir(), "ctx-plan-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What `nodeHost` gives, on a machine that is the same everywhere. */
const host = { ...nodeHost(), machine: () => ({ cores: 2, isa: "avx2" as const, memoryBytes: 16 * 2 ** 30 }) };

function planOf(text: string): Plan {
  const { plan, diagnostics } = analyze(text, host, { file: "recipes/recipe.ctx" });
  expect(plan, diagnostics.map(({ message }) => message).join("\n")).not.toBeNull();
  return plan!;
}

const RING = `recipe ring
model { from = "meta-llama/Meta-Llama-3-8B-Instruct" }
data { source books { files = "books/*.jsonl" } }
rope { theta = critical_base(length) }
stage s64k  { length = 64Ki   steps = 30  batch = 32 }
stage s128k { length = 128Ki  steps = 30  batch = 32 }
parallel { devices = 8  ring = 4 }
hardware { preset = h200 }
`;

const LONG_NAMES = RING.replaceAll("stage s", "stage a_stage_whose_name_is_long_s");

const recipes = readdirSync("recipes")
  .filter((name) => name.endsWith(".ctx"))
  .map((name) => [name, readFileSync(join("recipes", name), "utf8")] as const);

describe.each([80, 120])("at %i columns", (width) => {
  test.each([...recipes, ["a ring", RING] as const, ["long names", LONG_NAMES] as const])("%s fits", (_, text) => {
    const shown = planText(planOf(text), { width, color: false });
    for (const line of shown.split("\n")) expect(columns(line), line).toBeLessThanOrEqual(width);
    // Nothing is cut away: whatever was chosen is there, with its reason.
    const words = new Set(shown.split(/\s+/));
    for (const stage of planOf(text).stages) expect(words).toContain(stage.name);
  });
});

test("stages, thetas, pairs, costs and bytes stand in one table where there is room", () => {
  const shown = planText(planOf(RING), { width: 120, color: false });
  const [heading, ...rows] = shown.split("\n").slice(shown.split("\n").findIndex((line) => /^ {2}stage /.test(line)));
  expect(heading!.trim().split(/\s+/)).toEqual([
    "stage",
    "length",
    "theta",
    "pairs",
    "steps",
    "rows",
    "tokens",
    "FLOPs",
    "time",
    "device",
    "host",
  ]);
  expect(rows[0]).toMatch(
    /^ {2}s64k +64Ki +22,443,169 +6\d slower.* +30 +32 +62,914,560 +[\d.]+ EFLOP +[\d.]+ \w+ +[\d.]+ GiB/,
  );
  expect(rows[2]).toMatch(/^ {2}all +60 +188,743,680 /);
});

test("a small ring is drawn, a large one described", () => {
  const drawn = planText(planOf(RING), { width: 80, color: false });
  expect(drawn).toContain("zigzag ring of 4: step at which each block of the mask is computed");
  expect(drawn).toMatch(/\n {4}7 {2}rank 0 {8}0 {2}3 {2}2 {2}1 {2}1 {2}2 {2}3 {2}0\n/);
  expect(drawn).toMatch(/s128k: each rank sends [\d.]+ [KMG]iB forward/);
  const large = planText(planOf(RING.replace("devices = 8  ring = 4", "devices = 64  ring = 64")), {
    width: 80,
    color: false,
  });
  expect(large).toMatch(/zigzag ring of 64: a causal row keeps its ranks \d+(\.\d+)?% busy/);
  expect(large).not.toContain("rank 0 ");
});

test("what was not written is told with where it came from", () => {
  const shown = planText(planOf(RING), { width: 120, color: false });
  expect(shown).toMatch(/\n {2}model\.config +as published +config\.json of meta-llama/);
  expect(shown).toMatch(/\n {2}train +clip = 1, deterministic = true, method = full/);
  expect(shown).toMatch(/\n {2}train\.dtype +bf16 +what the fast kernels of GPUs compute in/);
});

test("what was chosen for stages comes in their order, and a long path leaves room for the reasons", () => {
  const plan = planOf(RING.replace("stage s64k ", "stage z64k "));
  const path = `/${"a-folder/".repeat(8)}tokenizer.json`;
  plan.defaults = [...plan.defaults, { path: "model.tokenizer", value: path, from: "the model's folder" }];
  const shown = planText(plan, { width: 120, color: false });
  const lines = shown.slice(shown.indexOf("so chosen"), shown.indexOf("as in every recipe")).split("\n");
  const first = (name: string) => lines.findIndex((line) => line.startsWith(`  ${name}.`));
  expect(first("every stage")).toBeGreaterThan(0);
  expect(first("stage z64k")).toBeGreaterThan(first("every stage"));
  expect(first("stage s128k")).toBeGreaterThan(first("stage z64k"));
  const reasons = lines.filter((line) => line.includes("keeps a device busy"));
  expect(reasons.length).toBeGreaterThan(0);
  for (const line of reasons) expect(line).toMatch(/ fits: \S+ GiB of \S+ GiB$/);
  expect(Math.max(...lines.map(columns))).toBeLessThanOrEqual(120);
});

test("what some of the stages have in common is told under their names", () => {
  const text = RING.replace(/parallel .*\n/, "").replace(
    "stage s128k",
    "stage s96k { length = 96Ki  steps = 30  batch = 32 }\nstage s128k",
  );
  const plan = planOf(text);
  plan.defaults = [
    ...["s64k", "s96k"].map((name) => ({ path: `stage ${name}.memory.made`, value: "up", from: "this test" })),
    ...["s64k", "s96k", "s128k"].map((name) => ({ path: `stage ${name}.memory.all`, value: "1", from: "this test" })),
    { path: "stage s128k.memory.made", value: "down", from: "this test" },
  ];
  const shown = planText(plan, { width: 120, color: false });
  expect(shown).toMatch(
    /\n {2}every stage\.memory\.all +1 +this test\n {2}stages s64k and s96k: memory\.made +up +this test\n {2}stage s128k\.memory\.made +down/,
  );
});

test("figures of the hardware have units, and their source is told once", () => {
  const shown = planText(planOf(RING), { width: 80, color: false });
  const [, group] = /\n {2}hardware, by (NVIDIA H200 data sheet[\s\S]*?)\n {2}\S/.exec(shown)!;
  for (const item of ["bandwidth = 4.8 TB/s", "host_memory = 2 TiB", "memory = 138 GiB", "network = 50 GB/s"])
    expect(group).toContain(item);
  expect(group).toMatch(/peak = 989 TFLOP\/s\s\(dense bf16/);
  expect(shown.match(/H200 data sheet/g)).toHaveLength(2);
  // Names in the table stay whole.
  expect(shown).toMatch(/\n {2}stage s128k\.parallel\.micro_batch {2}/);
});

test("thetas of thousands are whole and grouped", () => {
  const short = RING.replace(/64Ki/g, "4Ki").replace("128Ki", "6Ki");
  const row = planText(planOf(short), { width: 120, color: false })
    .split("\n")
    .find((line) => /^ {2}s64k /.test(line))!;
  expect(row).toMatch(/^ {2}s64k +4Ki +\d{2,3},\d{3} /);
});

describe("through the command line", () => {
  const file = join(folder, "ring.ctx");
  writeFileSync(file, RING);

  function ctx(words: string[], env: NodeJS.ProcessEnv = {}) {
    const { FORCE_COLOR: _, NO_COLOR: __, COLUMNS: ___, ...own } = process.env;
    return spawnSync(process.execPath, [program, ...words], { cwd: folder, env: { ...own, ...env }, encoding: "utf8" });
  }

  test("plain where nobody watches, coloured where it is wanted, and NO_COLOR is obeyed", () => {
    const { stdout, status } = ctx(["plan", file], { COLUMNS: "80" });
    expect(status).toBe(0);
    expect(stdout).not.toContain("\x1b");
    expect(Math.max(...stdout.split("\n").map(columns))).toBeLessThanOrEqual(80);
    expect(ctx(["plan", file], { FORCE_COLOR: "1" }).stdout).toContain("\x1b[1mring\x1b[0m");
    expect(ctx(["plan", file], { FORCE_COLOR: "1", NO_COLOR: "1" }).stdout).not.toContain("\x1b");
  });

  test("--diff: what changed, stage by stage; the status is 0, whatever the difference", () => {
    const other = join(folder, "other.ctx");
    writeFileSync(other, RING.replace("steps = 30  batch = 32 }\nparallel", "steps = 60  batch = 32 }\nparallel"));
    const { status, stdout } = ctx(["plan", "--diff", "ring.ctx", "other.ctx"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^ring \(ring\.ctx\) → ring \(other\.ctx\)\n\nstage s128k\n {2}steps +30 → 60 +× 2\n/);
    expect(stdout).toMatch(/\nunchanged: s64k\n/);
    expect(stdout).toMatch(/\nAll stages\n {2}steps +60 → 90 +× 1\.5\n/);
    const json = ctx(["plan", "--diff", "ring.ctx", "other.ctx", "--json"]);
    expect([json.status, json.stderr]).toEqual([0, ""]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      same: false,
      stages: [
        { status: "same", before: "s64k", changes: [] },
        {
          status: "changed",
          before: "s128k",
          changes: [{ path: "steps", before: 30, after: 60, factor: 2 }, {}, {}, {}, {}, {}, {}],
        },
      ],
      totals: { before: { steps: 60 }, after: { steps: 90 } },
    });
    // A plan stands for itself.
    writeFileSync(join(folder, "ring.json"), canonicalJson(planOf(RING)));
    expect(ctx(["plan", "--diff", "ring.ctx", "ring.json"]).stdout).toBe(
      "ring (ring.ctx) → ring (ring.json)\n  the same run\n",
    );
  });

  test("--json of a faulty recipe holds its diagnostics as ctx check has them", () => {
    writeFileSync(join(folder, "faulty.ctx"), RING.replace("steps = 30", "steps = 0"));
    const { status, stdout, stderr } = ctx(["plan", "faulty.ctx", "--json"]);
    expect([status, stderr]).toEqual([1, expect.stringContaining("CTX2104")]);
    const checked = JSON.parse(ctx(["check", "faulty.ctx", "--json"]).stdout);
    expect(checked.files[0].diagnostics.map(({ code }: { code: string }) => code)).toContain("CTX2104");
    expect(JSON.parse(stdout)).toEqual({
      error: { kind: "input", message: expect.stringMatching(/^faulty\.ctx has 1 error/), hint: expect.any(String) },
      files: checked.files,
    });
    const run = ctx(["run", "faulty.ctx", "--json", "--out", join(folder, "run")]);
    expect(JSON.parse(run.stdout).files).toEqual(checked.files);
  });

  test.each([
    [["plan", "ring.ctx", "other.ctx"], /ctx plan takes one recipe/],
    [["plan", "--diff", "ring.ctx"], /--diff compares two files/],
    [["plan", "--diff", "ring.ctx", "other.ctx", "--emit", "ts"], /--emit has nothing to write/],
    [["plan", "--diff", "ring.json", "ring.json", "--set", "a=1"], /a plan is final/],
  ])("%j is wrong usage", (words, reason) => {
    const { status, stderr } = ctx(words);
    expect([status, stderr]).toEqual([2, expect.stringMatching(reason)]);
  });
});

describe("difference by meaning", () => {
  const before = planOf(RING);
  const changedBy = (change: (text: string) => string) => diffPlans(before, planOf(change(RING)));

  test("other words for the same run are no difference", () => {
    const same = changedBy((text) =>
      text.replace("critical_base(length)", "model.theta ^ (ln(length / (2 * pi)) / ln(model.context / (2 * pi)))"),
    );
    expect(same.same).toBe(true);
  });

  test("a stage that was renamed, one that came, one that is gone", () => {
    const changed = changedBy((text) =>
      text
        .replace("stage s64k ", "stage first ")
        .replace(/stage s128k.*\n/, "stage s256k { length = 256Ki  steps = 30  batch = 32 }\n"),
    );
    expect(changed.stages.map(({ status, before, after }) => [status, before, after])).toEqual([
      ["same", "s64k", "first"],
      ["added", null, "s256k"],
      ["removed", "s128k", null],
    ]);
    expect(changed.same).toBe(false);
  });

  test("a table is told by theta and method, and as a table only where these do not tell it", () => {
    const theta = changedBy((text) => text.replace("theta = critical_base(length)", "theta = 1e7"));
    const paths = theta.stages[0]!.changes.map(({ path }) => path);
    expect(paths[0]).toBe("rope.theta");
    expect(paths).not.toContain("rope.inv_freq");
    const table = (factor: string) =>
      RING.replace("theta = critical_base(length)", `frequency = model.theta ^ (-2 * i / d) * ${factor}`);
    const custom = diffPlans(planOf(table("0.125")), planOf(table("0.0625")));
    expect(custom.stages[0]!.changes.map(({ path }) => path)).toContain("rope.inv_freq");
  });

  test("what all stages share stands outside of them", () => {
    const seed = changedBy((text) => text.replace("data {", "data { seed = 7 "));
    expect(seed.changes).toEqual([{ path: "seed", before: 0, after: 7 }]);
    expect(seed.stages.every(({ status }) => status === "same")).toBe(true);
  });
});

describe("--emit ts", () => {
  /** What tsc says of a module that imports from ctx-recipe as users do. */
  function typeCheck(name: string, source: string): { status: number | null; stdout: string } {
    const project = join(folder, name);
    mkdirSync(join(project, "node_modules"), { recursive: true });
    symlinkSync(resolve("."), join(project, "node_modules", "ctx-recipe"));
    symlinkSync(resolve("node_modules", "@types"), join(project, "node_modules", "@types"));
    writeFileSync(join(project, "plan.ts"), source);
    writeFileSync(
      join(project, "use.ts"),
      `import { plan, type StageName } from "./plan.js";
const stage: StageName = "s64k";
export const theta: number = plan.stages.find(({ name }) => name === stage)!.rope.theta;
`,
    );
    const options = [
      "--strict",
      "--noEmit",
      "--target",
      "es2022",
      "--module",
      "nodenext",
      "--skipLibCheck",
      "--types",
      "node",
    ];
    return spawnSync(process.execPath, [resolve("node_modules/typescript/bin/tsc"), ...options, "use.ts"], {
      cwd: project,
      encoding: "utf8",
    });
  }

  test("the module passes tsc --strict, and its names are those of the plan", { timeout: 240_000 }, () => {
    const source = planModule(planOf(RING));
    expect(typeCheck("right", source)).toMatchObject({ stdout: "", status: 0 });
    const wrong = typeCheck("wrong", source.replace('name: "s64k"', "name: 64"));
    expect(wrong.status).not.toBe(0);
    expect(wrong.stdout).toMatch(/error TS/);
  });
});

// What measures whole training steps on a GPU (test/gpu/step.py), on a CPU and on shapes that are tiny, so that a lease of a GPU is not spent on
// mistakes in it. PyTorch's side needs a Python with torch and transformers: CTX_ORACLE_PYTHON.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { deviceNeed } from "../../compiler/memory/index.ts";
import { planStep, SHAPES, type StepRecipe } from "../../runtime/bench/gpu_step_plan.ts";
import { bundle, STEP } from "./bundle.mjs";

const GIB = 2 ** 30;
const folder = mkdtempSync(join(tmpdir(), "ctx-gpu-step-"));
afterAll(() => rmSync(folder, { recursive: true }));

const recipe: StepRecipe = {
  shape: SHAPES["llama-3-8b"]!,
  length: 131072,
  method: "full",
  dtype: "bf16",
  steps: 2,
  memory: "",
};

function planned(over: Partial<StepRecipe>) {
  const gpu = { name: "NVIDIA H200", memoryBytes: 143771 * 2 ** 20 };
  const plan = planStep({ ...recipe, ...over }, { device: "cuda", cores: 16, hostBytes: 120 * GIB, gpu });
  return { plan, stage: plan.stages[0]!, spare: gpu.memoryBytes - deviceNeed(plan, plan.stages[0]!) };
}

describe("the plan of a step", () => {
  test("of 8B parameters fits an H200 at 128K tokens, all weights trained, with its moments in the host's memory", () => {
    const { plan, stage, spare } = planned({});
    expect(plan.model.parameters).toBe(8_030_261_248);
    expect([stage.length, stage.sequences, stage.memory.moments]).toEqual([131072, 1, "host"]);
    expect(spare).toBeGreaterThan(0);
  });

  test("and at 256K with adapters", () => {
    const { stage, spare } = planned({ length: 262144, method: "lora" });
    expect(stage.train.lora?.rank).toBe(16);
    expect(spare).toBeGreaterThan(0);
  });

  test("takes a memory block, and tells what the compiler has against it", () => {
    expect(planned({ memory: "checkpoint = every(2)" }).stage.memory.checkpoint_every).toBe(2);
    expect(() => planned({ memory: "checkpoint = soon" })).toThrow(/^CTX\d+: /);
  });
});

/** The lines of the program as the pack carries it: one file, and no packages beside it. */
test("the program runs alone, and what it cannot do is its last line", async () => {
  await bundle(folder, [STEP]);
  cpSync("package.json", join(folder, "package.json"));
  mkdirSync(join(folder, "native"));
  cpSync("native/build", join(folder, "native/build"), {
    recursive: true,
    dereference: true,
    filter: (path) => path.endsWith("native/build") || /(ctx\.node|libctx_cpu_\w+\.so)$/.test(path),
  });
  const run = (...args: string[]) => {
    const tiny = [STEP, "--model", "tiny", "--length", "32", "--steps", "2", ...args];
    const { status, stdout, stderr } = spawnSync(process.execPath, tiny, { cwd: folder, encoding: "utf8" });
    const lines = stdout.split("\n").filter((line) => line !== "");
    return { status, stderr, lines: lines.map((line) => JSON.parse(line)) };
  };
  const { status, stderr, lines } = run("--device", "cpu");
  expect(status, stderr).toBe(0);
  expect(lines.map(({ kind }) => kind)).toEqual(["plan", "engine", "ready", "step", "step"]);
  expect(lines[1].memory.total).toBe(lines[0].ledger.total);
  for (const { loss } of lines.slice(3)) expect(Math.abs(loss - Math.log(1024))).toBeLessThan(0.5);
  const failed = run("--device", "cpu", "--memory", "offload = moon");
  expect(failed.status).toBe(3);
  expect(failed.lines).toEqual([{ kind: "failed", message: expect.stringMatching(/^CTX\d+: /) }]);
});

const python = process.env.CTX_ORACLE_PYTHON ?? "";

/** What does not fit is halved towards what did; what there is no time for ends it. */
const climbing = `
import sys; sys.path.insert(0, "test/gpu")
from step_model import SHAPES, climb, model_flops
for holds in (100_000, 10_000, 10**9):
    seen = []
    climb([16384, 65536, 131072], lambda n: seen.append(n) or n <= holds)
    print(seen)
seen = []
climb([1024, 2048, 4096], lambda n: seen.append(n) or (True if n < 2048 else None))
print(seen)
print([round(model_flops(SHAPES["llama-3-8b"], *case) / 1e15, 2) for case in ((131072, "full"), (262144, "lora"))])
`;

describe.skipIf(!python)("beside PyTorch", () => {
  test("the longest row is looked for, and FLOPs are counted by the convention told", () => {
    const { stdout, stderr } = spawnSync(python, ["-c", climbing], { encoding: "utf8" });
    expect(stdout, stderr).toBe(
      `${["[16384, 65536, 131072, 98304]", "[16384, 8192]", "[16384, 65536, 131072]", "[1024, 2048]", "[19.41, 61.93]"].join("\n")}\n`,
    );
  });

  test("both sides train the same shape, and every row is kept", () => {
    const out = join(folder, "step.json");
    const tiny = ["--device", "cpu", "--model", "tiny", "--layers", "1", "--steps", "1", "--method", "lora"];
    const words = ["test/gpu/step.py", ...tiny, "--length", "32", "--lengths", "32", "--build", folder, "--out", out];
    const { status, stdout, stderr } = spawnSync(python, words, { encoding: "utf8" });
    expect(status, stdout + stderr).toBe(0);
    expect(existsSync(out)).toBe(true);
    interface Row {
      part: string;
      what: string;
      outcome: string;
      figures: string;
      plan?: { parameters: number };
      parameters?: number;
    }
    const rows: Row[] = JSON.parse(readFileSync(out, "utf8")).rows;
    const told = rows.map(({ part, what, outcome }) => `${outcome} ${part}: ${what}`);
    const ours = "ctx: lora, 32 tokens:";
    expect(told).toEqual([
      `INFO ${ours} plan`,
      `PASS ${ours} arena`,
      `INFO ${ours} weights`,
      `INFO ${ours} step 1`,
      `PASS ${ours} training step`,
      `INFO ${ours} memory`,
      `INFO ${ours} memory of the host`,
      "INFO torch: lora: model",
      "INFO torch: lora, 32 tokens",
      "INFO beside: lora: longest rows measured",
    ]);
    expect(rows[0]!.plan!.parameters).toBe(rows[7]!.parameters);
    expect(rows.at(-1)!.figures).toMatch(
      /^ctx 32 tokens at .*; torch 32 tokens at .*; at 32 tokens ctx is [\d.]+ times as fast$/,
    );
  });
});

// `ctx run --device cuda` through the real command line, on the CUDA backend that runs on the host; and what it says where it cannot.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import type { EvaluationResult } from "../../runtime/evaluate/result.ts";
import { readMetrics } from "../../runtime/track/metrics.ts";
import { corpus } from "../runtime/tiny_plan.ts";
import { ctx } from "../soak/tiny_cli.ts";
import { buildShim, SHIM } from "./shim.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 400_000 });

const RECIPE = `recipe shim
model {
  new       = llama(layers: 2, hidden: 16, heads: 2, kv_heads: 1, intermediate: 32, context: 64, theta: 10_000, tie: true)
  tokenizer = bpe(vocab: 360)
}
data { source text { files = "*.txt"  holdout = 1/3 } }
train { optimizer = adamw(lr: 1e-2) }
stage first { length = 32  steps = 3  batch = 2 }
evaluate { perplexity { source = text  lengths = [32]  samples = 1 } }
`;

describe.skipIf(process.arch !== "x64")("ctx run --device cuda", () => {
  let folder: string;
  const run = (env: NodeJS.ProcessEnv, ...words: string[]) =>
    ctx(["run", ...words, "--device", "cuda", "--threads", "1"], folder, { ...SHIM, ...env });
  /** What a library says that was built for another table of operations. */
  const otherVersion = () => {
    const source = 'extern "C" const int *ctx_backend_v1() { static const int table[64] = {2}; return table; }';
    const file = join(folder, "libother.so");
    const made = spawnSync(process.env.CXX ?? "c++", ["-shared", "-fPIC", "-x", "c++", "-", "-o", file], {
      input: source,
    });
    expect(made.status).toBe(0);
    return file;
  };
  const losses = (name: string) => readMetrics(join(folder, name, "metrics.jsonl")).map(({ loss }) => loss);

  beforeAll(() => {
    buildShim();
    folder = corpus();
    writeFileSync(join(folder, "shim.ctx"), RECIPE);
  });

  test("trains, evaluates and reports as the CPU does, on a plan for this GPU's memory", async () => {
    const env = { CTX_SHIM_MEMORY: "4000000000" };
    const { status, stderr, stdout } = await run(env, "shim.ctx", "--out", "gpu");
    expect(status, stderr).toBe(0);
    expect(stdout).toContain("The recipe shim trained a model from nothing");
    const { hardware } = JSON.parse(readFileSync(join(folder, "gpu", "plan.json"), "utf8"));
    expect(hardware).toMatchObject({ kind: "cuda", name: "CUDA kernels on the host", device_bytes: 4e9, devices: 1 });
    expect((await ctx(["run", "shim.ctx", "--out", "cpu", "--threads", "1"], folder)).status).toBe(0);
    const cpu = losses("cpu");
    expect(cpu).toHaveLength(3);
    losses("gpu").forEach((loss, step) => {
      expect(Math.abs(loss! / cpu[step]! - 1)).toBeLessThan(1e-4);
    });
  });

  test("an evaluation on four GPUs is that of one", async () => {
    const measured = async (gpus: string) => {
      const words = [
        "eval",
        "gpu",
        "--device",
        "cuda",
        "--perplexity",
        "--needle",
        "--lengths",
        "48,64",
        "--samples",
        "5",
      ];
      const { status, stderr, stdout } = await ctx([...words, "--depths", "2", "--digits", "2", "--json"], folder, {
        ...SHIM,
        CTX_SHIM_GPUS: gpus,
      });
      expect(status, stderr).toBe(0);
      const { needle, perplexity } = JSON.parse(stdout) as EvaluationResult;
      return { cells: needle!.cells, lengths: perplexity!.lengths };
    };
    const alone = await measured("1");
    expect(alone.lengths.map(({ windows }) => windows)).toEqual([5, 5]);
    expect(await measured("4")).toEqual(alone);
  });

  test("what waits in the host's memory changes no byte of what is learnt", async () => {
    const deeper = RECIPE.replace("layers: 2", "layers: 3").replace(/^evaluate.*$/m, "evaluate { before = false }");
    const learnt: { losses: (number | null)[]; weights: Buffer }[] = [];
    for (const where of ["device", "host"]) {
      const recipe = `${deeper}memory { moments = ${where}  gradients = ${where}  checkpoint = every(1) }\n`;
      writeFileSync(join(folder, `${where}.ctx`), recipe);
      const { status, stderr } = await run({}, `${where}.ctx`, "--out", where);
      expect(status, stderr).toBe(0);
      const weights = readFileSync(join(folder, where, "stages", "first", "model.safetensors"));
      learnt.push({ losses: losses(where), weights });
    }
    const { memory } = JSON.parse(readFileSync(join(folder, "host", "plan.json"), "utf8")).stages[0];
    expect(memory).toMatchObject({ moments: "host", gradients: "host" });
    expect(memory.host.optimizer).toBeGreaterThan(memory.host.gradients);
    expect(learnt[1]!.losses).toEqual(learnt[0]!.losses);
    expect(learnt[1]!.weights.equals(learnt[0]!.weights)).toBe(true);
  });

  test("trains on all GPUs that there are, and with fewer the same", async () => {
    const given = RECIPE.replace("stage first", "parallel { devices = 4  ring = 2 }\nstage first");
    writeFileSync(join(folder, "four.ctx"), given);
    const four = await run({ CTX_SHIM_GPUS: "4" }, "four.ctx", "--out", "four");
    expect(four.status, four.stderr).toBe(0);
    expect(four.stderr).not.toContain("the plan is for");
    const { hardware } = JSON.parse(readFileSync(join(folder, "four", "plan.json"), "utf8"));
    expect(hardware).toMatchObject({ kind: "cuda", devices: 4 });
    losses("four").forEach((loss, step) => {
      expect(Math.abs(loss! / losses("gpu")[step]! - 1)).toBeLessThan(1e-3);
    });
    const plan = join("four", "plan.json");
    const three = await run({ CTX_SHIM_GPUS: "3", CTX_SHIM_PEERS: "0" }, plan, "--out", "three");
    expect(three.stderr).toContain("the plan is for 4 × CUDA kernels on the host; here 2 GPUs do all of it");
    losses("three").forEach((loss, step) => {
      expect(Math.abs(loss! / losses("four")[step]! - 1)).toBeLessThan(1e-3);
    });
    const broken = await run({ CTX_SHIM_GPUS: "4", CTX_SHIM_FULL: "3" }, plan, "--out", "broken");
    expect(broken.stderr).toMatch(/rank 3 on device 3: .*no memory for \d+ bytes on the GPU/);
    expect(broken.status).toBe(3);
    const doctor = await ctx(["doctor"], folder, { ...SHIM, CTX_SHIM_GPUS: "2" });
    expect(doctor.stdout).toMatch(/CUDA transfers +each of the 2 GPUs reads the others' memory directly/);
    const apart = await ctx(["doctor"], folder, { ...SHIM, CTX_SHIM_GPUS: "2", CTX_SHIM_PEERS: "0" });
    expect(apart.stdout).toMatch(/CUDA transfers +the 2 GPUs copy to each other through the host's memory/);
  });

  test("GPUs that divide the weights learn what they learn whole, and one that has nobody to divide with says so", async () => {
    const given = RECIPE.replace("stage first", "parallel { devices = 4  ring = 2  shard = all }\nstage first");
    writeFileSync(join(folder, "parts.ctx"), given);
    const parts = await run({ CTX_SHIM_GPUS: "4" }, "parts.ctx", "--out", "parts", "--checkpoint-every", "2");
    expect(parts.status, parts.stderr).toBe(0);
    expect(parts.stderr).not.toContain("the plan is for");
    expect(losses("parts")).toHaveLength(3);
    losses("parts").forEach((loss, step) => {
      expect(Math.abs(loss! / losses("gpu")[step]! - 1)).toBeLessThan(1e-3);
    });
    const alone = await run({}, join("parts", "plan.json"), "--out", "alone");
    expect(alone.status, alone.stderr).toBe(0);
    expect(alone.stderr).toContain(
      "here one GPU does all of it, which holds all weights and gradients: there is nobody to divide them with",
    );
    losses("alone").forEach((loss, step) => {
      expect(Math.abs(loss! / losses("parts")[step]! - 1)).toBeLessThan(1e-3);
    });
  });

  // The third allocation is the kernels' scratch, in the first step; the fifth is the evaluation's arena, after the last.
  test.each([
    ["3", 0],
    ["5", 3],
  ])("memory that runs out is told, and what was done goes on to the same end: allocation %s", async (n, done) => {
    const root = `short-${n}`;
    const short = await run({ CTX_SHIM_FAIL_MALLOC: n }, "shim.ctx", "--out", root, "--checkpoint-every", "1");
    expect(short.stderr).toMatch(/no memory for \d+ bytes .*on the GPU: \d+ of its \d+ bytes are free/);
    expect(short.stderr).toMatch(/nvidia-smi.* go on with --resume/);
    expect(short.status).toBe(3);
    expect(losses(root)).toHaveLength(done);
    const { status, stderr } = await run({}, "--resume", root);
    expect(status, stderr).toBe(0);
    expect(losses(root)).toEqual(losses("gpu"));
  });

  test.each<[string, NodeJS.ProcessEnv, RegExp]>([
    [
      "no library",
      { CTX_CUDA_LIBRARY: "/none.so" },
      /CUDA is not available here: \/none.so \(CTX_CUDA_LIBRARY\) is not there/,
    ],
    ["another library", { CTX_CUDA_LIBRARY: resolve("native", "build", "ctx.node") }, /ctx.node is no backend/],
    ["no driver", { CTX_SHIM_DRIVER: "0" }, /there is no NVIDIA driver on this machine/],
    [
      "an old driver",
      { CTX_SHIM_DRIVER: "11040" },
      /the NVIDIA driver is for CUDA 11.4 at most, and this build needs 12.0: install a newer/,
    ],
    [
      "too little memory",
      { CTX_SHIM_MEMORY: "1000" },
      /stage first needs .* and the GPU \(CUDA kernels on the host, 1,000 B\) has free 1,000 B/,
    ],
  ])("refused before anything is made: %s", async (_, env, message) => {
    const { status, stderr } = await run(env, "shim.ctx", "--out", "refused");
    expect(stderr).toMatch(message);
    expect(status).toBe(3);
    expect(readdirSync(folder)).not.toContain("refused");
  });

  test("refused before anything is made: a library of another version", async () => {
    const { status, stderr } = await run({ CTX_CUDA_LIBRARY: otherVersion() }, "shim.ctx");
    expect(stderr).toMatch(
      /libother.so is of version 2, and the engine needs version \d+ \(build it again: npm run build:cuda\)/,
    );
    expect(status).toBe(3);
  });

  test("ctx doctor tells the GPU", async () => {
    const { stdout } = await ctx(["doctor"], folder, { ...SHIM });
    expect(stdout).toMatch(/CUDA +CUDA kernels on the host, 16 GiB, compute capability 9.0 \(driver for CUDA 12.0/);
    const none = await ctx(["doctor"], folder, { ...SHIM, CTX_SHIM_DRIVER: "0" });
    expect(none.stdout).toMatch(/CUDA +there is no NVIDIA driver/);
  });
});

// NaN and infinity, put into real files and real training: refused or told, and never written on.
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test, vi } from "vitest";
import { readSafetensorsHeader } from "../../runtime/engine/safetensors.ts";
import { readMetrics } from "../../runtime/track/metrics.ts";
import { ctx } from "../soak/tiny_cli.ts";
import { corpus, plan } from "./tiny_plan.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

let folder: string;

/** Overwrites number `at` of a tensor in an f32 file. */
async function poke(file: string, tensor: string, at: number, value: number): Promise<void> {
  const entry = (await readSafetensorsHeader(file)).find(({ name }) => name === tensor)!;
  const bytes = readFileSync(file);
  bytes.writeFloatLE(value, entry.offset + 4 * at);
  writeFileSync(file, bytes);
}

/** The model of the finished run, with one number changed. */
async function poked(name: string, tensor: string, at: number, value: number): Promise<string> {
  const model = join(folder, name);
  cpSync(join(folder, "whole", "stages", "first"), model, { recursive: true });
  await poke(join(model, "model.safetensors"), tensor, at, value);
  return model;
}

beforeAll(async () => {
  folder = corpus();
  const made = plan();
  made.stages[0]!.steps = 2;
  made.stages.length = 1;
  writeFileSync(join(folder, "plan.json"), JSON.stringify(made));
  const { status, stderr } = await ctx(["run", "plan.json", "--out", "whole", "--threads", "1", "--quiet"], folder);
  expect(stderr).toBe("");
  expect(status).toBe(0);
});

const UP = "model.layers.1.mlp.up_proj.weight";

test.each([
  ["NaN", Number.NaN, 0, "NaN"],
  ["infinity", Number.POSITIVE_INFINITY, 2047, "infinity"],
  ["-infinity", Number.NEGATIVE_INFINITY, 5, "minus infinity"],
])("a base model with %s is refused before training, by file and tensor", async (name, value, at, spelled) => {
  const model = await poked(`base ${name}`, UP, at, value);
  const made = plan();
  made.model = { ...made.model, from: model, path: model, initialize: null };
  made.tokenizer = { kind: "file", path: join(model, "tokenizer.json"), vocab: 400 };
  const file = join(folder, `base ${name}.json`);
  writeFileSync(file, JSON.stringify(made));
  const root = join(folder, `run ${name}`);
  const ended = await ctx(["run", file, "--out", root, "--threads", "1"], folder);
  expect(ended.stderr).toContain(
    `error: ${join(model, "model.safetensors")}: tensor ${UP} holds ${spelled} (number ${at + 1} of 2048)\n  → the file is damaged`,
  );
  expect(ended.status).toBe(1);
  expect(readMetrics(join(root, "metrics.jsonl"))).toEqual([]);
});

test("eval and export of such a model are refused too", async () => {
  const model = await poked("evaluated", "model.norm.weight", 3, Number.NaN);
  const said = /model\.safetensors: tensor model\.norm\.weight holds NaN \(number 4 of 32\)\n {2}→ the file is damaged/;
  const evaluated = await ctx(["eval", model, "--perplexity", "0.txt", "--lengths", "64"], folder);
  expect([evaluated.status, evaluated.stderr]).toEqual([1, expect.stringMatching(said)]);
  const root = join(folder, "exported");
  cpSync(join(folder, "whole"), root, { recursive: true });
  cpSync(model, join(root, "stages", "first"), { recursive: true });
  const exported = await ctx(["export", root, "--to", join(folder, "out"), "--quiet"], folder);
  expect([exported.status, exported.stderr]).toEqual([1, expect.stringMatching(said)]);
  expect(existsSync(join(folder, "out"))).toBe(false);
});

test("weights beyond a dtype's range are not written as infinity", async () => {
  const root = join(folder, "large");
  cpSync(join(folder, "whole"), root, { recursive: true });
  await poke(join(root, "stages", "first", "model.safetensors"), UP, 7, 65520);
  const to = join(folder, "large as f16");
  const f16 = await ctx(["export", root, "--to", to, "--dtype", "f16", "--quiet"], folder);
  expect(f16.status).toBe(3);
  expect(f16.stderr).toMatch(
    /model\.safetensors was not written, it would hold a value beyond F16's range: save: number 8 of 2048 of model\.layers\.1\.mlp\.up_proj\.weight is 65520, which F16 cannot hold\n {2}→ these weights need a wider dtype: bf16 or f32/,
  );
  expect(readdirSync(folder).filter((name) => name.includes("large as"))).toEqual([]);
  // The largest number that still rounds down to what f16 holds, and the same in the wider one.
  await poke(join(root, "stages", "first", "model.safetensors"), UP, 7, 65519.996);
  expect((await ctx(["export", root, "--to", to, "--dtype", "f16", "--quiet"], folder)).stderr).toBe("");
});

test("a learning rate that blows the weights up ends the run with the step, the checkpoint and the cause", async () => {
  const made = plan();
  made.stages[0]!.steps = 30;
  made.stages[0]!.train.optimizer.lr = 1e10;
  const file = join(folder, "blown.json");
  writeFileSync(file, JSON.stringify(made));
  const root = join(folder, "blown");
  const ended = await ctx(["run", file, "--out", root, "--threads", "1", "--checkpoint-every", "1"], folder);
  expect(ended.status).toBe(3);
  expect(ended.stderr).toMatch(
    /step \d+ of stage first: the (loss|gradient norm) is NaN, so no weight was changed \(2 in a row/,
  );
  const [, step] =
    /at step (\d+) of stage first, the 3rd step in a row .*; the last checkpoint with finite weights is \S+000-\d+\n {2}→ likely causes: a learning rate too high \(\d+ before it\)/.exec(
      ended.stderr,
    ) ?? [];
  // Every line is JSON, the last three say that nothing was learned.
  const lines = readFileSync(join(root, "metrics.jsonl"), "utf8").trim().split("\n");
  const metrics = lines.map((line) => JSON.parse(line));
  expect(metrics).toHaveLength(Number(step));
  expect(metrics.slice(-3).every((line) => line.grad_norm === null)).toBe(true);
  expect(metrics.at(-4).grad_norm).toBeGreaterThan(0);
  // Going on comes to the same, and says so again; the report can be made of it.
  const again = await ctx(["run", "--resume", root, "--threads", "1", "--checkpoint-every", "1"], folder);
  expect(again.stderr).toContain(`at step ${step} of stage first, the 3rd step in a row`);
  expect((await ctx(["report", root, "--quiet"], folder)).stderr).toBe("");
});

test("a model whose scores are no numbers has no evaluation, and the place is named", async () => {
  const model = await poked("overflowing", "model.norm.weight", 3, 3e38);
  await poke(join(model, "model.safetensors"), "model.norm.weight", 4, -3e38);
  const out = join(folder, "scores.json");
  const words = ["eval", model, "--perplexity", "0.txt", "--lengths", "64", "--out", out];
  const { status, stderr } = await ctx(words, folder);
  expect(status).toBe(3);
  expect(stderr).toMatch(
    /evaluation model: the model's prediction of token \d+ of \d+ is no number \((NaN|Infinity)\).*\n {2}→ its training has diverged/,
  );
  expect(existsSync(out)).toBe(false);
});

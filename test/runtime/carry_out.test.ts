import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { EvaluationResult } from "../../runtime/evaluate/result.ts";
import { readMetrics } from "../../runtime/track/metrics.ts";
import { corpus, plan, start, startAndStop } from "./tiny_run.ts";

const digest = (root: string, file: string) =>
  createHash("sha256")
    .update(readFileSync(join(root, file)))
    .digest("hex");

/** Digests of all weights that a run leaves behind: those of its stages, and the last checkpoint with its moments. */
function weights(root: string): { [file: string]: string } {
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".safetensors") && (file.startsWith("stages") || file.includes("001-00000006")),
  );
  return Object.fromEntries(files.sort().map((file) => [file, digest(root, file)]));
}

test("a plan is carried out: trained, saved, evaluated, reported", async () => {
  const base = corpus();
  const { root, outcome } = await start(plan(), base);
  expect(outcome.status).toBe("complete");
  const metrics = readMetrics(join(root, "metrics.jsonl"));
  expect(metrics.map((line) => line.global_step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  // Half of the rows of the first stage ask questions; the second stage has none.
  expect(metrics.slice(0, 6).some((line) => line.answer_loss !== null)).toBe(true);
  expect(metrics.slice(6).every((line) => line.answer_loss === null)).toBe(true);
  expect(metrics.at(-1)!.loss).toBeLessThan(metrics[0]!.loss!);
  expect(readdirSync(join(root, "stages", "second")).sort()).toEqual(
    expect.arrayContaining(["config.json", "generation_config.json", "model.safetensors", "tokenizer.json"]),
  );
  const config = JSON.parse(readFileSync(join(root, "stages", "second", "config.json"), "utf8"));
  expect(config).toMatchObject({
    max_position_embeddings: 128,
    rope_theta: 40000,
    rope_parameters: { rope_theta: 40000 },
  });
  const result: EvaluationResult = JSON.parse(readFileSync(join(root, "eval", "second.json"), "utf8"));
  expect(result.needle!.cells).toHaveLength(4);
  expect(result.perplexity!.lengths.map((entry) => entry.windows)).toEqual([2, 2]);
  // Twelve steps teach a little: better than guessing among 400 tokens.
  expect(result.perplexity!.lengths[0]!.perplexity).toBeLessThan(400);
  expect(readFileSync(join(root, "report.html"), "utf8")).toContain("The recipe sample trained a model from nothing");
  expect(existsSync(join(root, "lock"))).toBe(false);
});

test("the weights are the same bytes for 1, 2 and 4 threads", async () => {
  const base = corpus();
  const runs = [];
  for (const threads of [1, 2, 4]) runs.push(weights((await start(plan(), base, { threads })).root));
  expect(runs[1]).toEqual(runs[0]);
  expect(runs[2]).toEqual(runs[0]);
  expect(Object.keys(runs[0]!)).toContain(join("stages", "second", "model.safetensors"));
});

test("a ring of four ranks trains as one rank does", async () => {
  const base = corpus();
  const losses = async (ring: number) => {
    const whole = plan();
    const stages = whole.stages.map((stage) => ({
      ...stage,
      parallel: { ...stage.parallel, devices: ring, ring, layout: "zigzag" as const },
    }));
    const { root } = await start({ ...whole, stages }, base);
    return readMetrics(join(root, "metrics.jsonl")).map(({ loss }) => loss);
  };
  const [one, four] = [await losses(1), await losses(4)];
  expect(four).toHaveLength(12);
  expect(four).not.toEqual(one); // sums in another order: the ring was really there
  four.forEach((loss, step) => {
    expect(Math.abs(loss! / one[step]! - 1)).toBeLessThan(1e-5);
  });
});

test.each([2, 6, 9])("stopped after step %i and resumed, it ends with the same bytes", async (stopAfter) => {
  const base = corpus();
  const whole = await start(plan(), base);
  const cut = await startAndStop(plan(), base, stopAfter);
  expect((await start(plan(), base, { root: cut })).outcome.status).toBe("complete");
  expect(weights(cut)).toEqual(weights(whole.root));
  const steps = (root: string) =>
    readMetrics(join(root, "metrics.jsonl")).map((line) => [line.global_step, line.loss, line.grad_norm]);
  expect(steps(cut)).toEqual(steps(whole.root));
});

test("stopped as a stage ends, it is that stage that is told as saved", async () => {
  const base = corpus();
  const root = mkdtempSync(join(tmpdir(), "ctx-run-"));
  await expect(start(plan(), base, { root, stopAfter: 6 })).rejects.toMatchObject({
    kind: "interrupted",
    message: "stopped after stage first; the state is saved",
  });
  expect(readdirSync(join(root, "stages"))).toEqual(["first"]);
});

test("only the last two checkpoints are kept, and a damaged one is passed over", async () => {
  const base = corpus();
  const whole = await start(plan(), base);
  const cut = await startAndStop(plan(), base, 5, 1);
  const checkpoints = join(cut, "checkpoints");
  expect(readdirSync(checkpoints)).toEqual(["000-00000004", "000-00000005"]);
  writeFileSync(join(checkpoints, "000-00000005", "adam_m.safetensors"), "cut short");
  const resumed = await start(plan(), base, { root: cut });
  const notes = resumed.events.flatMap((event) => (event.kind === "note" ? [event.text] : []));
  expect(notes.join("\n")).toMatch(/000-00000005 is damaged \(the checksum of adam_m.safetensors differs\)/);
  expect(notes).toContain("going on after step 4 of stage first");
  expect(weights(cut)).toEqual(weights(whole.root));
});

test("a stage that carries moments on takes them from the end of the stage before, and from nowhere else", async () => {
  const base = corpus();
  const whole = await start(plan(), base);
  // Between the stages: the first is done, the second has not begun.
  const cut = await startAndStop(plan(), base, 6, 2);
  expect(readdirSync(join(cut, "checkpoints"))).toEqual(["000-00000004", "000-00000006"]);
  writeFileSync(join(cut, "checkpoints", "000-00000006", "adam_v.safetensors"), "cut short");
  await expect(start(plan(), base, { root: cut })).rejects.toMatchObject({
    kind: "run",
    message: expect.stringMatching(
      /000-00000006, the last checkpoint of stage first, is gone or damaged, and stage second/,
    ),
    hint: expect.stringContaining(`delete ${join(cut, "stages", "first")}`),
  });
  expect(existsSync(join(cut, "stages", "second"))).toBe(false);
  rmSync(join(cut, "stages", "first"), { recursive: true });
  await start(plan(), base, { root: cut });
  expect(weights(cut)).toEqual(weights(whole.root));
});

test("a plan that was edited after a checkpoint is refused", async () => {
  const base = corpus();
  const cut = await startAndStop(plan(), base, 2);
  await expect(start({ ...plan(), seed: 8 }, base, { root: cut })).rejects.toThrow(
    /is not the plan that .* was made with/,
  );
});

test("a plan for GPUs that is carried out on the CPU says so", async () => {
  const made = plan();
  const hardware = { ...made.hardware, kind: "cuda" as const, name: "H100", devices: 4 };
  const { events } = await start({ ...made, hardware }, corpus());
  const notes = events.flatMap((event) => (event.kind === "note" ? [event.text] : []));
  expect(notes).toContain("the plan is for 4 × H100; here one process does all of it on the CPU");
  const onCpu = await start(made, corpus());
  expect(onCpu.events.some((event) => event.kind === "note" && event.text.startsWith("the plan is for"))).toBe(false);
});

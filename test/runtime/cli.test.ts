import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test, vi } from "vitest";
import { planFaults } from "../../compiler/validate_plan.ts";
import { readMetrics } from "../../runtime/track/metrics.ts";
import { buildShim, faultEnvironment } from "../faults/shim.ts";
import { ctx, launch } from "../soak/tiny_cli.ts";
import { corpus, plan } from "./tiny_run.ts";

// Processes are started by the dozen here: a busy machine must not make that a failure.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

/** One thread: the tests beside this one want the other core. */
const run = (...words: string[]) => ["run", ...words, "--threads", "1"];

const library = buildShim();

/** Starts `words`, which get a signal of themselves in the moment in which they note their `steps`-th step. */
function launchToSignal(words: string[], steps: number, error: "INT" | "KILL" | "STOP") {
  const fault = { folder, kinds: ["write" as const], path: "metrics.jsonl", at: steps, error };
  const { env, operations } = faultEnvironment(library!, fault);
  return { ...launch(words, folder, env), signalled: () => operations().length > 0 };
}

const digest = (root: string, stage: string) =>
  createHash("sha256")
    .update(readFileSync(join(root, "stages", stage, "model.safetensors")))
    .digest("hex");

let folder: string;
let file: string;
/** A run that nothing disturbed. */
let whole: string;

beforeAll(async () => {
  folder = corpus();
  file = join(folder, "plan.json");
  const made = plan();
  made.stages[0]!.steps = 40;
  made.stages[1]!.steps = 12;
  made.stages[1]!.evaluate = {
    needle: null,
    perplexity: { files: [], source: "text", lengths: [64], samples: 1 },
    gate: null,
  };
  writeFileSync(file, JSON.stringify(made));
  whole = join(folder, "whole");
  const { status, stdout, stderr } = await ctx(run(file, "--out", whole), folder);
  expect(stderr).toContain("step 40 of 40");
  expect(status).toBe(0);
  expect(stdout).toContain(join(whole, "report.html"));
});

test.skipIf(library === null)("killed again and again at random steps, a run ends with the same bytes", async () => {
  const root = join(folder, "killed");
  const begin = run(file, "--out", root, "--checkpoint-every", "3", "--quiet");
  const proceed = run("--resume", root, "--checkpoint-every", "5", "--quiet");
  let random = 20260117;
  for (let kills = 0; kills < 4; kills++) {
    // A linear congruential generator: other steps than a person would pick, the same ones every time. It is 52 steps to the end.
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
    const ended = await launchToSignal(kills === 0 ? begin : proceed, 1 + (random % 12), "KILL").ended;
    expect(ended.signal).toBe("SIGKILL");
    expect(existsSync(join(root, "lock"))).toBe(true);
  }
  const { status, stderr } = await ctx(proceed, folder);
  expect(stderr).toBe("");
  expect(status).toBe(0);
  for (const stage of ["first", "second"]) expect(digest(root, stage)).toBe(digest(whole, stage));
  expect(readMetrics(join(root, "metrics.jsonl")).map((line) => line.global_step)).toEqual(
    Array.from({ length: 52 }, (_, n) => n + 1),
  );
});

test.skipIf(library === null)("Ctrl-C finishes the step, saves, and says how to go on", async () => {
  const root = join(folder, "interrupted");
  const ended = await launchToSignal(run(file, "--out", root), 3, "INT").ended;
  expect(ended.status).toBe(130);
  expect(ended.stderr).toMatch(/^stopped in stage first; the state is saved\n.*ctx run --resume interrupted/m);
  const { status } = await ctx(run("--resume", root, "--quiet"), folder);
  expect(status).toBe(0);
  expect(digest(root, "second")).toBe(digest(whole, "second"));
});

test.skipIf(library === null)("a second run in the same folder is refused while the first one lives", async () => {
  const root = join(folder, "shared");
  const first = launchToSignal(run(file, "--out", root, "--quiet"), 2, "STOP");
  while (!first.signalled()) await new Promise((wake) => setTimeout(wake, 5));
  const second = await ctx(["run", "--resume", root], folder);
  first.kill("SIGCONT");
  expect(second.status).toBe(3);
  expect(second.stderr).toMatch(/is in use by process \d+/);
  expect((await first.ended).status).toBe(0);
});

test("resuming with another plan is refused, and the fields are named", async () => {
  const changed = JSON.parse(readFileSync(file, "utf8"));
  changed.stages[1].train.optimizer.lr = 5e-4;
  const other = join(folder, "changed.json");
  writeFileSync(other, JSON.stringify(changed));
  const { status, stderr } = await ctx(["run", other, "--resume", whole], folder);
  expect(status).toBe(1);
  expect(stderr).toContain("/stages/1/train/optimizer/lr: 0.001 → 0.0005");
  expect(stderr).toContain(`ctx plan --diff ${join(whole, "plan.json")} ${other}`);
});

test("--json prints one document and nothing else", async () => {
  const two = await ctx(["report", whole, whole, "--out", join(folder, "two.html")], folder);
  expect(two.stdout.match(/^.*: The recipe /gm)).toEqual(Array(2).fill(`${whole}: The recipe `));
  const { status, stdout, stderr } = await ctx(["report", whole, "--json"], folder);
  expect([status, stderr]).toEqual([0, ""]);
  expect(JSON.parse(stdout)).toMatchObject({
    report: join(whole, "report.html"),
    runs: [{ recipe: "sample", to: 128 }],
  });
  const evaluated = await ctx(
    ["eval", whole, "--needle", "--lengths", "64,128", "--depths", "2", "--samples", "2", "--digits", "2", "--json"],
    folder,
  );
  expect(evaluated.stderr).toBe("");
  expect(JSON.parse(evaluated.stdout)).toMatchObject({
    name: "second",
    needle: { overall: { total: 8 } },
    perplexity: null,
  });
  const to = join(mkdtempSync(join(tmpdir(), "ctx-export-")), "model");
  const exported = await ctx(["export", whole, "--to", to, "--json"], folder);
  expect(JSON.parse(exported.stdout)).toMatchObject({ kind: "model", stage: "second", context: 128 });
  const doctor = await ctx(["doctor", "--json"], folder);
  expect(JSON.parse(doctor.stdout)).toMatchObject({ healthy: true });
});

test("with --json a failure is a document too", async () => {
  const { status, stdout, stderr } = await ctx(["run", "missing.ctx", "--json"], folder);
  expect(status).toBe(1);
  expect(JSON.parse(stdout)).toEqual({ error: { kind: "input", message: "missing.ctx does not exist", hint: null } });
  expect(stderr).toContain("missing.ctx does not exist");
});

test("so is wrong usage, whoever found it", async () => {
  const usage = (message: string, hint: string | null) => ({ error: { kind: "usage", message, hint } });
  const resumed = await ctx(["resume", "--json"], folder);
  expect([resumed.status, JSON.parse(resumed.stdout)]).toEqual([
    2,
    usage("unknown command 'resume'", "it is called ctx run --resume FOLDER"),
  ]);
  const without = await ctx(["check", "--json"], folder);
  expect([without.status, JSON.parse(without.stdout)]).toEqual([2, usage("missing required argument 'file'", null)]);
});

test("a start that fails before anything is computed leaves no run folder behind", async () => {
  const poor = join(folder, "poor.json");
  const made = plan();
  made.data.sources[0]!.files = ["nothing/*.txt"];
  writeFileSync(poor, JSON.stringify(made));
  for (let attempt = 0; attempt < 2; attempt++) {
    const { status, stderr } = await ctx(run(poor), folder);
    expect(status).toBe(1);
    expect(stderr).toContain("no file matches");
    expect(existsSync(join(folder, "runs"))).toBe(false);
  }
  // Other runs stay, and what this machine lacks is told before there is a folder.
  mkdirSync(join(folder, "runs", "sample", "7"), { recursive: true });
  await ctx(run(poor), folder);
  const { status, stderr } = await ctx([...run(file), "--device", "cuda", "--out", "on-gpus"], folder);
  expect(status).toBe(3);
  expect(stderr).toContain("CUDA is not available here");
  expect(stderr).not.toContain("run folder");
  expect(existsSync(join(folder, "on-gpus"))).toBe(false);
  expect(readdirSync(join(folder, "runs", "sample"))).toEqual(["7"]);
});

test("an adapter is no model to evaluate, and is called by its name", async () => {
  const adapter = join(folder, "adapter");
  mkdirSync(adapter);
  writeFileSync(join(adapter, "adapter_config.json"), "{}");
  writeFileSync(join(adapter, "config.json"), "{}");
  const { status, stderr } = await ctx(["eval", adapter, "--perplexity", join(folder, "0.txt")], folder);
  expect(status).toBe(1);
  expect(stderr).toMatch(/holds a LoRA adapter/);
});

test("any Hugging Face folder can be evaluated", async () => {
  const model = join(whole, "stages", "second");
  const bare = await ctx(["eval", model], folder);
  expect(bare.status).toBe(2);
  expect(bare.stderr).toMatch(/nothing to evaluate: .*\n.*--perplexity book\.txt/);
  const text = join(folder, "0.txt");
  const { status, stdout, stderr } = await ctx(
    ["eval", model, "--perplexity", text, "--lengths", "64", "--samples", "2", "--quiet"],
    folder,
  );
  expect(stderr).toBe("");
  expect(status).toBe(0);
  expect(stdout).toMatch(/perplexity[\s\S]*whole window +\d/);
});

/** A plan whose base model came without its weights. */
function weightless(): string {
  const made = plan();
  made.model = { ...made.model, initialize: null, path: join(folder, "weightless") };
  mkdirSync(made.model.path!);
  cpSync(join(whole, "stages", "second", "config.json"), join(made.model.path!, "config.json"));
  const written = join(folder, "weightless.json");
  writeFileSync(written, JSON.stringify(made));
  return written;
}

test("weights of another model are refused before anything is tokenised, by run and by eval", async () => {
  const model = join(folder, "misfit");
  cpSync(join(whole, "stages", "second"), model, { recursive: true });
  const config = JSON.parse(readFileSync(join(model, "config.json"), "utf8"));
  const { hidden_size: hidden, num_hidden_layers: layers } = config;
  const wrong = { ...config, num_hidden_layers: layers + 1, hidden_size: 2 * hidden };
  writeFileSync(join(model, "config.json"), JSON.stringify(wrong));
  const made = plan();
  const path = join(folder, "misfit.json");
  const misfit = { ...made.model, initialize: null, path: model, layers: layers + 1, hidden_size: 2 * hidden };
  writeFileSync(path, JSON.stringify({ ...made, model: misfit }));
  const folders = readdirSync(folder);
  const text = join(folder, "0.txt");
  const all = await Promise.all([
    ctx(["run", path], folder),
    ctx(["eval", model, "--perplexity", text, "--lengths", "64"], folder),
  ]);
  for (const { status, stderr } of all) {
    expect(stderr).toMatch(/^error: .*misfit.model\.safetensors: \d+ tensors do not fit config\.json: it calls for/);
    expect(stderr).toContain(`hidden_size = ${2 * hidden}, the weights have ${hidden} (`);
    expect(stderr).toContain(`num_hidden_layers = ${layers + 1}, the weights have ${layers}\n`);
    expect(stderr).not.toContain("tokenising");
    expect(status).toBe(1);
  }
  expect(readdirSync(folder)).toEqual(folders);
});

test("wrong usage ends with status 2, faulty input with 1, each with a reason", async () => {
  const runs = join(folder, "of-a-recipe");
  const cases: [string[], number, RegExp][] = [
    [["run"], 2, /needs a recipe, a plan, or --resume/],
    [["run", file, "--threads", "many"], 2, /whole number above 0/],
    [["run", file, "--device", "tpu"], 2, /Allowed choices are cpu, cuda/],
    [["rnu", file], 2, /unknown command 'rnu'[\s\S]*run/],
    [["train", file], 2, /unknown command 'train'\n.*called ctx run\n/],
    [["resume"], 2, /unknown command 'resume'\n.*called ctx run --resume FOLDER\n/],
    [["run", file, "--out", whole], 2, /already holds a run/],
    [["fmt", "."], 1, /\. is a folder\n.*name the recipes in it/],
    [["run", "missing.ctx"], 1, /missing.ctx does not exist/],
    [["run", "--resume", folder], 1, /is not a run folder/],
    [["run", "--resume", runs], 1, /is not a run folder: it has no plan.json\n.*its newest run is .*12\n/],
    [["run", "--resume", file], 1, /is not a run folder: it has no plan.json\n.*below runs/],
    [["run", weightless()], 1, /has neither model.safetensors nor .*\n.*download the weights too/],
    [["eval", folder, "--needle"], 1, /neither a model folder .* nor a run folder/],
    [["report", join(folder, "nothing")], 1, /is not a run folder/],
  ];
  const broken = join(folder, "broken.json");
  mkdirSync(join(runs, "9"), { recursive: true });
  cpSync(whole, join(runs, "12"), { recursive: true });
  writeFileSync(broken, JSON.stringify({ ...plan(), seed: "seven" }));
  cases.push([["run", broken], 1, /broken.json is not a plan: \/seed must be number/]);
  const all = await Promise.all(cases.map(([words]) => ctx(words, folder)));
  for (const [n, [words, status, reason]] of cases.entries()) {
    const ended = all[n]!;
    expect([words.join(" "), ended.status, ended.stdout]).toEqual([words.join(" "), status, ""]);
    expect(ended.stderr).toMatch(reason);
    expect(ended.stderr).not.toMatch(/^\s+at /m);
  }
});

test("the sample plan is one that the schema accepts", () => {
  expect(planFaults(plan())).toEqual([]);
});

// Ctrl-C in every phase of real processes: once, the work comes to its next good end; twice, it ends at once. Either way nothing is lost:
// going on ends with the bytes of a run that was never disturbed.
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test, vi } from "vitest";
import { ctx, differences, type Ended, launch, outcomeOf, runOrResume, tinyFolder } from "../soak/tiny_cli.ts";
import { buildShim, type FaultKind, faultEnvironment } from "./shim.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const library = buildShim();
let folder: string;
let whole: { [file: string]: string };

beforeAll(async () => {
  folder = tinyFolder([4, 3]);
  const { status } = await ctx(runOrResume(folder, join(folder, "whole")), folder);
  expect(status).toBe(0);
  whole = outcomeOf(join(folder, "whole"));
});

/** A moment of a command: the first operation of a kind on a path that contains this. */
interface Moment {
  kind: FaultKind;
  path: string;
  /** Which one, from 1. */
  at?: number;
}

/** Runs `words` and presses Ctrl-C at a moment; twice: again, once the first has been answered. */
async function interrupt(words: string[], moment: Moment, twice: boolean): Promise<Ended> {
  const { kind, path, at = 1 } = moment;
  const { env, operations } = faultEnvironment(library!, { folder, kinds: [kind], path, at, error: "INT" });
  const { kill, ended } = launch(words, folder, env);
  if (twice) {
    let over = false;
    ended.then(() => {
      over = true;
    });
    while (!over && operations().length === 0) await new Promise((wake) => setTimeout(wake, 5));
    kill("SIGINT");
  }
  const result = await ended;
  expect(operations().map((operation) => operation.kind)).toEqual([kind]);
  return result;
}

const freshRoot = () => join(mkdtempSync(join(folder, "case-")), "run");
const cache = () => join(folder, ".ctx-cache");

const moments: [string, Moment, boolean][] = [
  ["fingerprinting the text", { kind: "read", path: "3.txt" }, true],
  ["training the tokenizer", { kind: "open-read", path: "5.txt", at: 2 }, true],
  ["tokenising", { kind: "open-write", path: "tokens.bin" }, true],
  ["training", { kind: "write", path: "metrics.jsonl", at: 2 }, false],
  ["saving a checkpoint", { kind: "write", path: "adam_m.safetensors" }, false],
  ["saving a stage", { kind: "write", path: "first/model.safetensors" }, false],
  ["loading a stage", { kind: "read", path: "stages/first/model.safetensors", at: 3 }, false],
  ["loading for the evaluation", { kind: "read", path: "stages/second/model.safetensors", at: 3 }, false],
  ["writing the evaluation", { kind: "open-write", path: "eval/second.json" }, false],
];

test.skipIf(library === null).each(moments)("a run, %s", async (_, moment, anew) => {
  for (const twice of [false, true]) {
    if (anew) rmSync(cache(), { recursive: true, force: true });
    const root = freshRoot();
    const { status, signal, stderr } = await interrupt(runOrResume(folder, root), moment, twice);
    expect(signal).toBe(null);
    // What was about to end has ended where the key came too late to stop it.
    expect([130, ...(twice || moment.path.startsWith("eval/") ? [0] : [])]).toContain(status);
    if (status === 130) {
      expect(stderr).toContain("stopping after this step; press Ctrl-C again to stop at once");
      expect(stderr).toMatch(/go on with:? ctx run --resume \S+run/);
    }
    expect(stderr).not.toMatch(/^\s+at |error:/m);
    if (!twice) {
      // Nothing half done is left lying about.
      const left = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.startsWith(root));
      expect(left.filter((name) => /\.writing-|\.tmp/.test(name))).toEqual([]);
      expect(existsSync(cache()) ? readdirSync(cache()).filter((name) => name.includes(".tmp-")) : []).toEqual([]);
      expect(existsSync(join(root, "lock"))).toBe(false);
    }
    const again = await ctx(runOrResume(folder, root), folder);
    expect(again.status).toBe(0);
    expect(differences(outcomeOf(root), whole)).toEqual([]);
  }
});

test.skipIf(library === null)(
  "a tokenizer that takes long to train stops within a moment, at the first key",
  async () => {
    const place = mkdtempSync(join(folder, "case-"));
    // Words that never repeat and have much in common: many merges, each of which touches many words.
    let state = 7;
    const word = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (state >>> 4).toString(2).padStart(28, "0").replaceAll("0", "ab").replaceAll("1", "ba");
    };
    writeFileSync(join(place, "0.txt"), Array.from({ length: 60_000 }, word).join(" "));
    const plan = JSON.parse(readFileSync(join(folder, "plan.json"), "utf8"));
    plan.data.sources[0].holdout_every = 0;
    plan.tokenizer.vocab = 20_000;
    plan.model.vocab_size = 20_000;
    for (const stage of plan.stages) stage.evaluate = null;
    writeFileSync(join(place, "plan.json"), JSON.stringify(plan));
    const { kill, ended } = launch(["run", "plan.json", "--out", "run"], place);
    let over = false;
    ended.then(() => {
      over = true;
    });
    const cached = join(place, ".ctx-cache");
    const training = () => existsSync(cached) && readdirSync(cached).some((name) => /^tokenizer-.*\.tmp-/.test(name));
    while (!over && !training()) await new Promise((wake) => setTimeout(wake, 5));
    // Well into the training, which takes many times as long.
    await new Promise((wake) => setTimeout(wake, 500));
    kill("SIGINT");
    const { status, stderr } = await ended;
    expect(status).toBe(130);
    expect(stderr).toMatch(/stopped as asked\n {2}→ go on with: ctx run --resume run\n$/);
    expect(readdirSync(cached)).toEqual([".gitignore"]);
  },
);

const leftovers = (place: string) =>
  readdirSync(place).filter((name) => name.startsWith(".writing-") || name.endsWith(".tmp"));

test.skipIf(library === null)(
  "an export: nothing at its target, and the next one clears away what the second key left",
  async () => {
    const place = mkdtempSync(join(folder, "case-"));
    const to = join(place, "model");
    const words = ["export", join(folder, "whole"), "--to", to];
    for (const moment of [
      { kind: "read", path: "stages/second/model.safetensors", at: 3 },
      { kind: "write", path: "model.safetensors", at: 2 },
    ] as const) {
      const once = await interrupt(words, moment, false);
      expect(once.stderr).toContain(`stopped as asked; nothing was written to ${to}`);
      expect([once.status, existsSync(to), leftovers(place)]).toEqual([130, false, []]);
      const twice = await interrupt(words, moment, true);
      expect([130, 0]).toContain(twice.status);
      expect(existsSync(to)).toBe(twice.status === 0);
      rmSync(to, { recursive: true, force: true });
    }
    // As a process that was killed for good leaves it; the number of one that runs is left alone.
    const dead = (await ctx(["--version"], folder, {})).status === 0 ? 2 ** 22 + 1 : 0;
    cpSync(join(folder, "whole", "stages", "second"), join(place, `.writing-${dead}-model`), { recursive: true });
    cpSync(join(folder, "whole", "stages", "second"), join(place, `.writing-${process.pid}-model`), {
      recursive: true,
    });
    expect((await ctx(words, folder)).status).toBe(0);
    expect(leftovers(place)).toEqual([`.writing-${process.pid}-model`]);
    expect(readFileSync(join(to, "model.safetensors"))).toEqual(
      readFileSync(join(folder, "whole", "stages", "second", "model.safetensors")),
    );
  },
);

test.skipIf(library === null)("an evaluation and a report", async () => {
  const evaluate = [
    "eval",
    join(folder, "whole"),
    "--perplexity",
    "--lengths",
    "64",
    "--out",
    join(folder, "out.json"),
  ];
  const stopped = await interrupt(evaluate, { kind: "read", path: "stages/second/model.safetensors", at: 3 }, false);
  expect([stopped.status, stopped.stderr]).toEqual([130, expect.stringContaining("stopped as asked")]);
  expect(existsSync(join(folder, "out.json"))).toBe(false);
  // A report is written in an instant: the key ends the command, and the page before stays whole.
  const place = mkdtempSync(join(folder, "case-"));
  const page = join(place, "report.html");
  writeFileSync(page, "before");
  const report = ["report", join(folder, "whole"), "--out", page, "--quiet"];
  const killed = await interrupt(report, { kind: "write", path: "report.html" }, false);
  expect(killed.signal).toBe("SIGINT");
  expect(readFileSync(page, "utf8")).toBe("before");
  expect((await ctx(report, folder)).status).toBe(0);
  expect(readdirSync(place)).toEqual(["report.html"]);
});

test("a run goes on when nobody reads its progress any more", async () => {
  const root = freshRoot();
  const { ended, closeStderr } = launch(runOrResume(folder, root), folder);
  closeStderr();
  expect((await ended).status).toBe(0);
  expect(differences(outcomeOf(root), whole)).toEqual([]);
});

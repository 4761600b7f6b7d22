// `ctx fix` through the real command line.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { fixRecipe } from "../../compiler/fix.ts";
import { emptyHost } from "../../compiler/index.ts";

const program = resolve("dist", "cli", "ctx.js");
const folder = mkdtempSync(join(tmpdir(), "ctx-fix-"));
const file = join(folder, "a.ctx");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SLIPS = `ctx 1
recipe slips
parm rate = 2e-5
model { from = "meta-llama/Meta-Llama-3-8B" }  hardware { preset = h100  devices = 8 }
data { source books { files: "books/*.jsonl" } }
rope { theta = critcal_base(length) }  # ctx-allow CTX3003: no longer raised
train { optimizer = adamw(learning_rate: rate)  max_grad_norm = 1 }
stage s64k { seq_len = 64K  steps = 50  batch = 16 }
`;

const MENDED = `ctx 1
recipe slips
param rate = 2e-5
model { from = "meta-llama/Meta-Llama-3-8B" }  hardware { preset = h100  devices = 8 }
data { source books { files = "books/*.jsonl" } }
rope { theta = critical_base(length) }  
train { optimizer = adamw(lr: rate)  clip = 1 }
stage s64k { length = 64Ki  steps = 50  batch = 16 }
`;

beforeEach(() => writeFileSync(file, SLIPS));

function ctx(words: string[], input = "") {
  const { FORCE_COLOR: _, ...env } = process.env;
  return spawnSync(process.execPath, [program, ...words], { cwd: folder, env, encoding: "utf8", input });
}

test("every safe fix goes in, also those that another one uncovers; the rest of the text stays", () => {
  const { text, applied, analysis } = fixRecipe(SLIPS, emptyHost, { file: "a.ctx" });
  expect(text).toBe(MENDED);
  expect(analysis.diagnostics.filter(({ severity }) => severity !== "info")).toEqual([]);
  expect(applied.map(({ code }) => code)).toEqual([
    "CTX1024",
    "CTX1005",
    "CTX2008",
    "CTX2009",
    "CTX2001",
    "CTX2001",
    "CTX2103",
    "CTX2401",
  ]);
});

const AROUND = (train: string) => SLIPS.replace(/train \{.*\n/, train).replace("parm", "param");

test("what other tools write beside the optimizer goes into its call, one after the other", () => {
  const trainOf = (train: string) =>
    /train \{[^}]*\}/.exec(fixRecipe(AROUND(train), emptyHost, { file: "a.ctx" }).text)?.[0];
  expect(trainOf("train { learning_rate = rate  weight_decay = 0.1 }\n")).toBe(
    "train { optimizer = adamw(lr: rate, weight_decay: 0.1) }",
  );
  expect(trainOf("train {\n  # ours\n  lr = 2e-5\n  optimizer = adamw\n}\n")).toBe(
    "train {\n  # ours\n  optimizer = adamw(lr: 2e-5)\n}",
  );
  expect(trainOf("train { optimizer = adamw()  adam_betas = [0.9, 0.95] }\n")).toBe(
    "train { optimizer = adamw(betas: [0.9, 0.95]) }",
  );
  // The call says another rate already: which one is meant, nobody knows.
  const twice = "train { optimizer = adamw(lr: 1e-5)  learning_rate = 2e-5 }";
  expect(trainOf(`${twice}\n`)).toBe(twice);
});

test("files are written, and what was done is told place by place", () => {
  const { status, stdout, stderr } = ctx(["fix", "a.ctx"]);
  expect([status, stderr, readFileSync(file, "utf8")]).toEqual([0, "", MENDED]);
  expect(stdout).toContain("a.ctx:3:1 CTX1024 param instead of parm\n");
  expect(stdout).toMatch(/a\.ctx: 8 fixes applied\n$/);
  expect(ctx(["fix", "a.ctx"])).toMatchObject({ status: 0, stdout: "a.ctx: nothing to fix\n" });
  writeFileSync(file, MENDED.replace("64Ki", "64k"));
  const choice = ctx(["fix", "a.ctx"]);
  expect(choice).toMatchObject({
    status: 1,
    stdout: "a.ctx: no safe fix; 1 error left for you, with fixes to review\n",
  });
  expect(choice.stderr).toContain("= fix, to review: 64Ki, or 64K\n");
});

test("--dry-run writes nothing: its difference is one that patch takes", () => {
  const { status, stdout, stderr } = ctx(["fix", "a.ctx", "--dry-run"]);
  expect([status, readFileSync(file, "utf8")]).toEqual([1, SLIPS]);
  expect(stdout).toMatch(/^--- a\/a\.ctx\n\+\+\+ b\/a\.ctx\n@@ -1,8 \+1,8 @@\n ctx 1\n recipe slips\n-parm/);
  expect(stderr).toMatch(/8 fixes to apply/);
  const patched = spawnSync("patch", ["-p1"], { cwd: folder, input: stdout, encoding: "utf8" });
  if (patched.error) return; // no patch on this machine
  expect([patched.status, readFileSync(file, "utf8")]).toEqual([0, MENDED]);
  expect(ctx(["fix", "a.ctx", "--dry-run"])).toMatchObject({ status: 0, stdout: "" });
});

test("-: the text on standard input goes mended to standard output", () => {
  expect(ctx(["fix", "-", "--quiet"], SLIPS)).toMatchObject({ status: 0, stdout: MENDED, stderr: "" });
});

test("what needs a choice is left, told, and makes the status 1", () => {
  writeFileSync(file, SLIPS.replace("rate)", "rate, momentum: 1)"));
  const { status, stdout, stderr } = ctx(["fix", "a.ctx"]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/CTX2009: adamw takes no momentum/);
  expect(stdout).toMatch(/1 error left for you\n$/);
});

test("a version of the language that is not known is refused, and nothing is touched", () => {
  const future = SLIPS.replace("ctx 1", "ctx 7");
  writeFileSync(file, future);
  const { status, stdout, stderr } = ctx(["fix", "a.ctx", "--json"]);
  expect([status, stderr, readFileSync(file, "utf8")]).toEqual([1, "", future]);
  expect(JSON.parse(stdout).files[0]).toMatchObject({
    changed: false,
    applied: [],
    diagnostics: [{ code: "CTX2501", label: "this ctx reads versions up to 1: install a newer one" }],
  });
});

test("--json tells each fix, the text, and what is left", () => {
  const { status, stdout, stderr } = ctx(["fix", "a.ctx", "--json"]);
  expect([status, stderr]).toEqual([0, ""]);
  const [result] = JSON.parse(stdout).files;
  expect(result).toMatchObject({ file: "a.ctx", changed: true, text: MENDED, diagnostics: [] });
  expect(result.applied[0]).toEqual({
    code: "CTX1024",
    title: "param instead of parm",
    start: { line: 2, character: 0 },
  });
});

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { checkFiles } from "../../cli/check.ts";
import { compileFile } from "../../cli/compile_file.ts";
import { templates } from "../../cli/templates.ts";
import { format } from "../../grammar/index.ts";

const folder = mkdtempSync(join(tmpdir(), "ctx-printing-"));

afterEach(() => vi.restoreAllMocks());

/** A recipe's file. */
function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** What is written to the two streams while `action` runs; what it throws is left aside. */
function written(action: () => unknown): { stdout: string; stderr: string } {
  const texts = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    vi.spyOn(process[stream], "write").mockImplementation((text) => {
      texts[stream] += String(text);
      return true;
    });
  }
  try {
    action();
  } catch {
    // A recipe with errors.
  }
  vi.restoreAllMocks();
  return texts;
}

const count = (text: string, word: string) => text.split(word).length - 1;

const ground = `model { from = "meta-llama/Meta-Llama-3-8B" }
data { source s { files = "d/*.jsonl" } }
rope { theta = critical_base(length) }
`;
const warned = file("warned.ctx", `${ground}stage a { length = 64K  steps = 50  batch = 16 }\n`);
const wrong = file("wrong.ctx", `${ground}stage a { length = 64K  steps = 50  batch = 16.5 }\n`);

test("of many diagnostics twenty are printed, errors first, and the rest are counted; --json has all", () => {
  const many = file("many.ctx", `let a = 1\n${"§\n".repeat(5_000)}`);
  const { stdout } = written(() => checkFiles([many], { set: [] }));
  expect(count(stdout, "error CTX")).toBe(20);
  expect(stdout).toMatch(/and [\d,]+ more \(ctx check --json lists all\)/);
  const json = written(() => checkFiles([many], { set: [], json: true }));
  expect(JSON.parse(json.stdout).files[0].diagnostics.length).toBeGreaterThanOrEqual(5_000);

  const stages = Array.from({ length: 30 }, (_, k) => `stage a${k} { length = 64K  steps = 50  batch = 16 }\n`);
  const mixed = file("mixed.ctx", `${ground}${stages.join("")}train { clip = -1 }\n`);
  expect(written(() => checkFiles([mixed], { set: [] })).stdout).toContain("clip can't be -1");
});

test("--quiet leaves errors, on stderr", () => {
  expect(written(() => checkFiles([warned], { set: [], quiet: true }))).toEqual({ stdout: "", stderr: "" });
  expect(written(() => compileFile(warned, [], { quiet: true }))).toEqual({ stdout: "", stderr: "" });
  for (const action of [
    () => checkFiles([wrong], { set: [], quiet: true }),
    () => compileFile(wrong, [], { quiet: true }),
  ]) {
    const { stdout, stderr } = written(action);
    expect(stdout).toBe("");
    expect(stderr).toContain("error CTX2107");
    expect(stderr).not.toContain("warning");
  }
  expect(written(() => compileFile(warned, [])).stderr).toContain("warning CTX2103");
});

test("a plan that is checked as a recipe gives one error", () => {
  const plan = file("plan.json", JSON.stringify({ version: 1, stages: [{ rope: { inv_freq: [1] } }] }, null, 2));
  const { stdout } = written(() => checkFiles([plan], { set: [] }));
  expect(count(stdout, "error CTX")).toBe(1);
  expect(stdout).toContain("this file is JSON, not a recipe");
});

test.each(Object.entries(templates))("template %s is written as ctx fmt would", (_, template) => {
  expect(format(template.text("longer"))).toBe(template.text("longer"));
});

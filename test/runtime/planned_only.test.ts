import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test, vi } from "vitest";
import { nodeHost } from "../../cli/host.ts";
import { compile } from "../../compiler/index.ts";
import { Engine } from "../../runtime/engine/engine.ts";
import { refusePlanned } from "../../runtime/run/refuse_planned.ts";
import { ctx } from "../soak/tiny_cli.ts";

vi.setConfig({ testTimeout: 240_000 });

const recipe = "recipes/published/deepseek-v3-128k.ctx";
const folder = "recipes/models/deepseek-v3-4k";
const words = "CTX8026: a model of deepseek_v3 can be planned, but not trained or measured";

test("ctx run refuses a recipe and a plan alike, at the place of the model, and leaves nothing behind", async () => {
  const text = readFileSync(recipe, "utf8");
  const { plan } = compile(text, nodeHost(), { file: resolve(recipe) });
  const line = text.split("\n").findIndex((each) => each.startsWith("model {")) + 1;
  const cwd = mkdtempSync(join(tmpdir(), "ctx-planned-"));
  writeFileSync(join(cwd, "plan.json"), JSON.stringify(plan));
  for (const file of [resolve(recipe), "plan.json"]) {
    const { status, stderr } = await ctx(["run", file], cwd);
    expect([status, stderr.split(words).length - 1]).toEqual([1, 1]);
    expect(stderr).toContain(`${resolve(recipe)}:${line}:16: ${words}`);
  }
  expect(readdirSync(cwd)).toEqual(["plan.json"]);
});

test("a plan without a place names its recipe", () => {
  const { plan } = compile(readFileSync(recipe, "utf8"), nodeHost(), { file: recipe });
  expect(() => refusePlanned({ ...plan!, trace: {} })).toThrow(`${recipe}: ${words}`);
});

test("the library and ctx eval refuse its folder", async () => {
  await expect(Engine.load(folder)).rejects.toThrow(words);
  const { status, stderr } = await ctx(["eval", resolve(folder), "--perplexity", resolve("README.md")], tmpdir());
  expect([status, stderr.includes(words)]).toEqual([1, true]);
});

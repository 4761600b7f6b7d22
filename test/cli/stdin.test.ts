// `-` for a recipe on standard input, through the real command line.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";

const program = resolve("dist", "cli", "ctx.js");

function ctx(words: string[], input: string | Buffer, cwd = "recipes") {
  const { FORCE_COLOR: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], {
    input,
    cwd,
    env,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

test("check: paths start from the current folder, and what is wrong has its place", () => {
  const recipe = readFileSync("recipes/quickstart.ctx", "utf8");
  expect(ctx(["check", "-"], recipe)).toEqual({ status: 0, stdout: "-: fine\n", stderr: "" });
  const broken = ctx(["check", "-", "--json"], recipe.replace("recipe ", "recipee "));
  expect(broken.status).toBe(1);
  expect(JSON.parse(broken.stdout).files[0]).toMatchObject({ file: "-" });
  expect(ctx(["check", "-"], "model {").stdout).toMatch(/┌─ -:1:7/);
});

test("fmt: the formatted text, or how it stands with --check; nothing where it is broken", () => {
  const ugly = 'recipe x\nmodel{from="a"}\n';
  const formatted = 'recipe x\nmodel { from = "a" }\n';
  expect(ctx(["fmt", "-"], ugly)).toEqual({ status: 0, stdout: formatted, stderr: "" });
  expect(ctx(["fmt", "-"], formatted).stdout).toBe(formatted);
  expect(ctx(["fmt", "-", "--check"], ugly)).toEqual({ status: 1, stdout: "-: unformatted\n", stderr: "" });
  expect(JSON.parse(ctx(["fmt", "-", "--json"], ugly).stdout)).toEqual({
    files: [{ file: "-", state: "formatted", text: formatted }],
  });
  const broken = ctx(["fmt", "-"], "model { from =");
  expect([broken.status, broken.stdout]).toEqual([1, ""]);
  expect(broken.stderr).toContain("CTX1003");
});

test("what standard input can't be is refused", () => {
  for (const words of [
    ["check", "-", "-"],
    ["fmt", "-", "-"],
    ["check", "-", "--fix"],
    ["check", "-", "--watch"],
  ])
    expect(ctx(words, "")).toMatchObject({ status: 2, stderr: expect.stringMatching(/^error: .*standard input/) });
  expect(ctx(["check", "-"], Buffer.alloc(5 * 2 ** 20))).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("no recipe is that long"),
  });
  expect(ctx(["check", "-"], Buffer.from([0xff, 0x41]))).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("- is not UTF-8 text"),
  });
});

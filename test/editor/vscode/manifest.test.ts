/** The extension's manifest and data files, each held against what it speaks of. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { analyze } from "../../../compiler/analyze.ts";
import { memoryHost } from "../../compiler/recipes.ts";

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const here = join(root, "editor/vscode");
const json = (file: string) => JSON.parse(readFileSync(file, "utf8"));
const manifest = json(join(here, "package.json"));
const { contributes } = manifest;
const configuration = json(join(here, "language-configuration.json"));

test("name, version and licence are the package's", () => {
  const { name, version, license } = json(join(root, "package.json"));
  expect(manifest).toMatchObject({ name, version, license });
});

test("the editor's version is that of the types it was checked with", () => {
  const { devDependencies } = json(join(root, "package.json"));
  expect(manifest.engines.vscode).toBe(`^${devDependencies["@types/vscode"]}`);
  expect(json(join(root, "node_modules/vscode-languageclient/package.json")).engines.vscode).toBe(
    manifest.engines.vscode,
  );
});

test("the settings that are declared are those that are read", () => {
  const sources = ["surroundings", "server", "plan_panel"].map((name) =>
    readFileSync(join(here, `${name}.ts`), "utf8"),
  );
  const read = sources.flatMap((text) =>
    [...text.matchAll(/getConfiguration\("([\w.]+)"[^)]*\)\s*\.get<[^(]*>\(\s*"(\w+)"/g)].map(
      ([, a, b]) => `${a}.${b}`,
    ),
  );
  // vscode-languageclient reads the trace by itself.
  expect([...new Set([...read, "ctx.trace.server"])].sort()).toEqual(
    Object.keys(contributes.configuration.properties).sort(),
  );
});

describe("the problem matcher", () => {
  const [matcher] = contributes.problemMatchers;
  /** As VS Code applies a matcher of several lines: each pattern to the line after the last one's. */
  function problems(text: string) {
    const [first, second] = matcher.pattern.map(({ regexp }: { regexp: string }) => new RegExp(regexp));
    const lines = text.split("\n");
    return lines.flatMap((line, index) => {
      const [a, b] = [first.exec(line), second.exec(lines[index + 1] ?? "")];
      if (!a || !b) return [];
      return [{ severity: a[1], code: a[2], message: a[3], file: b[1], line: Number(b[2]), column: Number(b[3]) }];
    });
  }

  test("finds what `ctx check` prints, and no more", () => {
    const folder = mkdtempSync(join(tmpdir(), "ctx-matcher-"));
    const text = [
      'model { from = "meta-llama/Meta-Llama-3-8B" }',
      'data { source books { files = "books:1/*.jsonl" } }',
      "rope { rope_theta = 1M }",
      "stage s64k { length = 64Ki  steps = 30  batch = 32 }",
    ].join("\n");
    writeFileSync(join(folder, "a b.ctx"), text);
    const words = (reporter: string) => [join(root, "dist/cli/ctx.js"), "check", "--reporter", reporter, "a b.ctx"];
    const [shown, data] = ["text", "json"].map(
      (reporter) => spawnSync(process.execPath, words(reporter), { cwd: folder, encoding: "utf8" }).stdout,
    );
    rmSync(folder, { recursive: true });
    const [{ diagnostics }] = JSON.parse(data!).files;
    expect(diagnostics.length).toBeGreaterThan(1);
    expect(problems(shown!)).toEqual(
      diagnostics.map(({ severity, code, message, range }: Record<string, never>) => ({
        ...{ severity, code, message, file: "a b.ctx" },
        ...{ line: (range as never as { start: { line: number } }).start.line + 1 },
        ...{ column: (range as never as { start: { character: number } }).start.character + 1 },
      })),
    );
  });

  test("reads paths with colons", () => {
    expect(problems("warning CTX3001: a: b\n   ┌─ C:\\recipes\\a.ctx:12:3\n")).toEqual([
      { severity: "warning", code: "CTX3001", message: "a: b", file: "C:\\recipes\\a.ctx", line: 12, column: 3 },
    ]);
  });
});

describe("snippets", () => {
  const snippets = json(join(here, "snippets.json")) as {
    [name: string]: { prefix: string; description: string; body: string[] };
  };
  /** As they stand when nothing is typed into them. */
  const expanded = (body: string[]) =>
    body
      .join("\n")
      .replace(/\$\{\d+:([^}]*)\}/g, "$1")
      .replace(/\$\{\d+\|([^,|]*)[^}]*\}/g, "$1")
      .replace(/\$\d+/g, "");
  const recipe = expanded(snippets.Recipe!.body);

  test.each(Object.keys(snippets))("%s checks clean", (name) => {
    const { prefix } = snippets[name]!;
    const text = expanded(snippets[name]!.body);
    // A part stands in a recipe, in place of the recipe's own.
    const whole =
      name === "Recipe"
        ? recipe
        : prefix === "source"
          ? recipe.replace(/ {2}source.*/, text)
          : `${recipe.replace(new RegExp(`^${/^\w+/.exec(text)![0]} [^{]*\\{[\\s\\S]*?\\}$`, "m"), "")}\n${text}\n`;
    const host = memoryHost({ "books/a.jsonl": "x" });
    const found = analyze(whole, { ...host, size: () => 4e9 }, { file: "a.ctx" }).diagnostics;
    expect(found.filter(({ severity }) => severity !== "info").map(({ code, label }) => `${code} ${label}`)).toEqual(
      [],
    );
    expect(text).not.toMatch(/[$|]/);
  });
});

describe("indentation", () => {
  const { indentationRules, onEnterRules, wordPattern } = configuration;
  const increase = new RegExp(indentationRules.increaseIndentPattern);
  const decrease = new RegExp(indentationRules.decreaseIndentPattern);

  test.each(["stage a {", "data {  # texts", "lengths = [", 'source a { files = "#.txt"  mix = {'])(
    "grows after %s",
    (line) => {
      expect(increase.test(line)).toBe(true);
    },
  );
  test.each(["# stage {", "stage a { steps = 1 }", 'files = "a{"', "steps = 5"])("stays after %s", (line) => {
    expect(increase.test(line)).toBe(false);
  });
  test("shrinks with a closing bracket", () => {
    expect(["  }", "]", ") # end"].every((line) => decrease.test(line))).toBe(true);
    expect(decrease.test("a = {}")).toBe(false);
  });
  test("Enter between braces opens them, and in a comment goes on with it", () => {
    const [braces, comment] = onEnterRules.map(({ beforeText }: { beforeText: string }) => new RegExp(beforeText));
    expect(braces.test("stage a {")).toBe(true);
    expect(comment.test("# one two")).toBe(true);
    expect(comment.test("steps = 5  # one")).toBe(false);
    expect(comment.test("# ctx-allow CTX4001: known")).toBe(false);
  });
  test("words are names and quantities", () => {
    expect("rope_theta = 64Ki + 12.5%, x".match(new RegExp(wordPattern, "g"))).toEqual([
      ...["rope_theta", "64Ki", "12.5%", "x"],
    ]);
  });
});

/**
 * Code of other languages in the documentation:
 *
 *   ```ts run      is type-checked as a user's module (tsc --strict) and run; a ```text right after it is what it prints
 *   ```ts          is type-checked
 *   ```json, yaml  parses
 *   ```sh, bash    is a script that bash reads; the commands of ctx and npm in it exist, with their options
 */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { transform } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";

const cli = resolve("dist/cli/ctx.js");
const native = existsSync("native/build/ctx.node");

const pages = ["README.md", "docs", "docs/benchmarks"].flatMap((path) =>
  path.endsWith(".md")
    ? [path]
    : readdirSync(path)
        .filter((name) => name.endsWith(".md"))
        .map((name) => `${path}/${name}`),
);

const blocks = pages.flatMap((page) => {
  const text = readFileSync(page, "utf8");
  const found = [...text.matchAll(/^```(\w+)([^\n]*)\n([\s\S]*?)^```$/gm)];
  return found.map((match, k) => ({
    where: `${page}:${text.slice(0, match.index).split("\n").length}`,
    language: match[1]!,
    words: match[2]!.trim().split(/\s+/),
    text: match[3]!,
    // Only what stands right after it, with nothing but blanks between.
    printed: nextText(text, match, found[k + 1]),
  }));
});

function nextText(
  page: string,
  match: RegExpExecArray | RegExpMatchArray,
  next: RegExpMatchArray | undefined,
): string | null {
  if (next?.[1] !== "text") return null;
  return page.slice(match.index! + match[0].length, next.index).trim() === "" ? next[3]! : null;
}

const of = (...languages: string[]) => blocks.filter(({ language }) => languages.includes(language));

describe("TypeScript", () => {
  const programs = of("ts");
  const folder = mkdtempSync(join(tmpdir(), "ctx-code-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  beforeAll(() => {
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(resolve("."), join(folder, "node_modules", "ctx-recipe"));
    symlinkSync(resolve("node_modules", "@types"), join(folder, "node_modules", "@types"));
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    for (const [k, { text }] of programs.entries()) writeFileSync(join(folder, `program${k}.ts`), text);
  });

  test("there are programs, and all pass tsc --strict", { timeout: 240_000 }, () => {
    expect(programs.length).toBeGreaterThan(3);
    const options = [
      "--strict",
      "--noUncheckedIndexedAccess",
      "--noEmit",
      "--target",
      "es2022",
      "--module",
      "nodenext",
      "--skipLibCheck",
      "--types",
      "node",
    ];
    const files = programs.map((_, k) => `program${k}.ts`);
    const { stdout, status } = spawnSync(
      process.execPath,
      [resolve("node_modules/typescript/bin/tsc"), ...options, ...files],
      {
        cwd: folder,
        encoding: "utf8",
      },
    );
    expect(stdout).toBe("");
    expect(status).toBe(0);
  });

  for (const [k, { where, words, text, printed }] of programs.entries()) {
    if (!words.includes("run")) continue;
    const needsEngine = /\b(Engine|attention)\b/.test(text);
    test.runIf(native || !needsEngine)(`${where} prints what it says`, { timeout: 240_000 }, async () => {
      const { code } = await transform(text, { loader: "ts", format: "esm", target: "node20" });
      const file = join(folder, `program${k}.mjs`);
      writeFileSync(file, code);
      // The package by its name, from the repository: paths in the text start there.
      const { stdout, stderr, status } = spawnSync(process.execPath, ["--preserve-symlinks", file], {
        encoding: "utf8",
      });
      expect([status, stderr]).toEqual([0, ""]);
      expect(stdout).toBe(printed);
    });
  }
});

test.each(of("json"))("$where is JSON", ({ text }) => {
  expect(() => JSON.parse(text)).not.toThrow();
});

test.each(of("yaml", "yml"))("$where is YAML", ({ text }) => {
  expect(parseYaml(text)).toBeTypeOf("object");
});

describe("shell", () => {
  const scripts = of("sh", "bash");
  const inYaml = of("yaml");

  test.runIf(spawnSync("bash", ["-c", "true"]).status === 0).each(scripts)("$where is a script", ({ text }) => {
    const { stderr } = spawnSync("bash", ["-n"], { input: text.replaceAll("…", "x"), encoding: "utf8" });
    expect(stderr).toBe("");
  });

  const helps = new Map<string, string>();
  const helpOf = (command: string): string => {
    const known =
      helps.get(command) ?? spawnSync(process.execPath, [cli, command, "--help"], { encoding: "utf8" }).stdout;
    helps.set(command, known);
    return known;
  };

  test.each([...scripts, ...inYaml])("$where calls what there is", ({ text }) => {
    for (const [, command, rest] of text.matchAll(
      /(?<![\w/.-])ctx (?!run:)([a-z]+)\b((?:[ \t]+(?:-{1,2}[\w-]+|[^\s|>&;()`-][^\s|>&;()`]*))*)/g,
    )) {
      const help = helpOf(command!);
      // Prose such as `echo "ctx goes on"` is no call: commander knows its commands.
      if (!help.startsWith(`Usage: ctx ${command} `)) throw new Error(`there is no ctx ${command}`);
      for (const [option] of rest!.matchAll(/(?<=\s)--[\w-]+/g)) expect(help, `ctx ${command}`).toContain(option);
    }
    const { scripts: known } = JSON.parse(readFileSync("package.json", "utf8"));
    for (const [, script] of text.matchAll(/npm run ([\w:]+)/g)) expect(known).toHaveProperty([script!]);
  });
});

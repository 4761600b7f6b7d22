/** The TextMate grammar, run by the engine that VS Code runs it with. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { language } from "../../../grammar/generated/language.ts";
import { units } from "../../../grammar/units.ts";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(dirname(here)));
const grammarFile = join(root, "grammar/generated/ctx.tmLanguage.json");

interface Registry {
  loadGrammar(scope: string): Promise<{
    tokenizeLine(line: string): { tokens: { startIndex: number; endIndex: number; scopes: string[] }[] };
  }>;
}

const { createRegistry } = createRequire(import.meta.url)("vscode-tmgrammar-test/dist/common/index.js") as {
  createRegistry(grammars: { path: string; scopeName: string }[]): Registry;
};
const grammar = await createRegistry([{ path: grammarFile, scopeName: "source.ctx" }]).loadGrammar("source.ctx");

/** Scopes of a word of a line, innermost last. */
function scopesOf(line: string, word: string): string[] {
  const at = line.indexOf(word);
  const { tokens } = grammar.tokenizeLine(line);
  const token = tokens.find(({ startIndex, endIndex }) => startIndex === at && endIndex === at + word.length);
  return token?.scopes ?? [];
}

test("scopes of every construct", () => {
  const program = createRequire(import.meta.url).resolve("vscode-tmgrammar-test/dist/unit.js");
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [program, "-g", grammarFile, join(here, "every_construct.ctx")],
    { cwd: root, encoding: "utf8", env: { ...process.env, FORCE_COLOR: "0" } },
  );
  expect(status, stdout + stderr).toBe(0);
});

test("every block, function, unit and variable of the language table has its scope", () => {
  const functions = Object.values(language.functions).flatMap((set) => Object.keys(set));
  const blocks = [
    ...Object.keys(language.root.children),
    ...Object.values(language.blocks).flatMap((block) => Object.keys(block.children)),
  ];
  const variables = Object.keys(language.variables)
    .map((path) => path.split(".")[0]!)
    .filter((name) => /^\w+$/.test(name));
  expect(functions.length).toBeGreaterThan(20);
  expect(blocks.length).toBeGreaterThan(15);
  for (const name of functions) expect(scopesOf(`a = ${name}(1)`, name), name).toContain("support.function.ctx");
  for (const name of blocks) expect(scopesOf(`${name} a { }`, name), name).toContain("entity.name.type.ctx");
  for (const name of variables) expect(scopesOf(`a = ${name}.b`, name), name).toContain("variable.language.ctx");
  for (const suffix of Object.keys(units)) {
    expect(scopesOf(`a = 7${suffix}`, suffix), suffix).toContain("keyword.other.unit.ctx");
  }
});

test("a word of the grammar that the language does not have is no keyword", () => {
  const { repository } = JSON.parse(readFileSync(grammarFile, "utf8")) as {
    repository: { call: { match: string }; block: { match: string } };
  };
  const words = (pattern: string) => /\\b\(([^)]*)\)/.exec(pattern)![1]!.split("|").sort();
  const functions = Object.values(language.functions).flatMap((set) => Object.keys(set));
  const blocks = [
    ...Object.keys(language.root.children),
    ...Object.values(language.blocks).flatMap((block) => Object.keys(block.children)),
  ];
  expect(words(repository.call.match)).toEqual([...new Set(functions)].sort());
  expect(words(repository.block.match)).toEqual([...new Set(blocks)].sort());
});

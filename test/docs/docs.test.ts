/**
 * The documentation is executed. In README.md and docs/*.md,
 *
 *   ```ctx [name.ctx] [CTX1234 …]   is a recipe that raises exactly these codes of error and warning (none: it checks clean)
 *   ```sh run                       is carried out line by line by the built CLI, in a folder that holds the recipes named so far
 *   ```text                         right after it is what it prints: each line must come, in order, whatever the figures are
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { nodeHost } from "../../cli/host.ts";
import { analyze } from "../../compiler/analyze.ts";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const cli = join(root, "dist/cli/ctx.js");

interface Block {
  /** Line of the opening fence, from 1. */
  line: number;
  language: string;
  words: string[];
  text: string;
}

function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  for (const match of markdown.matchAll(/^```(\w+)([^\n]*)\n([\s\S]*?)^```$/gm)) {
    const line = markdown.slice(0, match.index).split("\n").length;
    blocks.push({ line, language: match[1]!, words: match[2]!.trim().split(/\s+/).filter(Boolean), text: match[3]! });
  }
  return blocks;
}

/** Handwritten pages; the generated ones have tests of their own. */
const pages = [
  "README.md",
  ...readdirSync(join(root, "docs"))
    .filter((file) => file.endsWith(".md") && file !== "reference.md")
    .map((file) => `docs/${file}`),
];

/** Figures differ from machine to machine and lines are padded; the words must not. */
const wording = (line: string) =>
  line
    .replace(/\d+(?:[.,]\d+)*[KMG]?/g, "#")
    .replace(/\s+/g, " ")
    .trim();

describe.each(pages)("%s", (page) => {
  const markdown = readFileSync(join(root, page), "utf8");
  const blocks = blocksOf(markdown);

  const recipes = blocks.filter((block) => block.language === "ctx");
  test.each(recipes)("recipe in line $line", ({ words, text }) => {
    const host = nodeHost(root);
    const file = words.find((word) => word.endsWith(".ctx")) ?? "recipe.ctx";
    const found = analyze(text, host, { file }).diagnostics.filter(({ severity }) => severity !== "info");
    const codes = [...new Set(found.map(({ code }) => code))].sort();
    expect(codes, found.map(({ message }) => message).join("\n")).toEqual(
      words.filter((word) => /^CTX\d+$/.test(word)).sort(),
    );
  });

  const links = [...markdown.matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map((match) => match[1]!);
  test.each([...new Set(links)])("link to %s leads somewhere", (link) => {
    expect(existsSync(join(root, dirname(page), link))).toBe(true);
  });
});

const withCommands = pages.filter((page) => /^```sh run$/m.test(readFileSync(join(root, page), "utf8")));

describe.runIf(existsSync(cli)).each(withCommands)("commands of %s", (page) => {
  const blocks = blocksOf(readFileSync(join(root, page), "utf8"));
  mkdirSync(join(root, "runs"), { recursive: true });
  const folder = mkdtempSync(join(root, "runs", "docs-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  for (const [index, block] of blocks.entries()) {
    const name = block.words.find((word) => word.endsWith(".ctx"));
    if (block.language !== "sh" && !name) continue;
    if (block.language === "sh" && !block.words.includes("run")) continue;
    test(`line ${block.line}: ${name ?? block.text.trim()}`, { timeout: 240_000 }, () => {
      if (name) return writeFileSync(join(folder, name), block.text);
      const printed = block.text
        .trim()
        .split("\n")
        .map((command) => execute(command, folder))
        .join("");
      const next = blocks[index + 1];
      if (next?.language === "text") inOrder(next.text, printed);
    });
  }
});

/** Runs one `ctx …` line; a line that ends in `# exit N` must exit so. */
function execute(command: string, folder: string): string {
  const [line, comment] = command.split(/\s+#\s*exit\s+/);
  const [program, ...words] = line!.trim().split(/\s+/);
  expect(program).toBe("ctx");
  const env = { ...process.env, NO_COLOR: "1" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...words], {
    cwd: folder,
    encoding: "utf8",
    env,
  });
  expect(status, stdout + stderr).toBe(Number(comment ?? 0));
  return stderr + stdout; // progress, then the result
}

/** Each line that is shown was printed, in this order; `…` stands for lines left out. */
function inOrder(shown: string, printed: string): void {
  const lines = printed.split("\n").map(wording);
  let from = 0;
  for (const line of shown.split("\n").map(wording)) {
    if (line === "" || line === "…") continue;
    const at = lines.indexOf(line, from);
    expect(at, `not printed: ${line}\n${printed}`).toBeGreaterThanOrEqual(0);
    from = at + 1;
  }
}

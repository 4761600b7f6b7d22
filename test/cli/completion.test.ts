// The completion scripts, in the shells that this machine has.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codes } from "../../compiler/diagnostics/catalogue.ts";

const program = resolve("dist", "cli", "ctx.js");
const folder = mkdtempSync(join(tmpdir(), "ctx-completion-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const has = (shell: string) => spawnSync(shell, ["-c", "true"]).status === 0;

function script(shell: string): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, "completion", shell], { encoding: "utf8" });
  expect([status, stderr]).toEqual([0, ""]);
  return stdout;
}

beforeAll(() => {
  mkdirSync(join(folder, "recipes"));
  writeFileSync(join(folder, "a.ctx"), "param gpus = 8\n  param length = 64Ki\nlet x = 1\n");
  writeFileSync(join(folder, "b c.ctx"), "");
  writeFileSync(join(folder, "plan.json"), "{}");
  writeFileSync(join(folder, "notes.txt"), "");
});

const COMMANDS = [
  "check",
  "completion",
  "doctor",
  "eval",
  "explain",
  "export",
  "fix",
  "fmt",
  "lsp",
  "new",
  "plan",
  "report",
  "run",
];

describe.runIf(has("bash"))("bash", () => {
  /** What is offered when the tab key is hit after these words, the last of which is unfinished. */
  function offered(...words: string[]): string[] {
    const line = ["ctx", ...words];
    const quoted = line.map((word) => `'${word}'`).join(" ");
    const run = `${script("bash")}
COMP_WORDS=(${quoted}); COMP_CWORD=${line.length - 1}; _ctx; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync("bash", ["-c", run], { cwd: folder, encoding: "utf8" });
    expect(stderr).toBe("");
    return stdout.split("\n").filter(Boolean).sort();
  }

  test("commands, and those that begin so", () => {
    expect(offered("")).toEqual([...COMMANDS, "--debug", "--help", "--version"].sort());
    expect(offered("e")).toEqual(["eval", "explain", "export"]);
  });

  test("options of the command, and what they take", () => {
    expect(offered("check", "--s")).toEqual(["--sarif", "--set"]);
    expect(offered("check", "--reporter", "")).toEqual(["github", "json", "sarif", "text"]);
    expect(offered("run", "a.ctx", "--device", "")).toEqual(["cpu", "cuda"]);
    expect(offered("new", "x", "--template", "")).toContain("tiny");
    expect(offered("plan", "--emit", "")).toEqual(["ts"]);
  });

  test("recipes, plans and folders, also with blanks in their names", () => {
    expect(offered("check", "")).toEqual(["a.ctx", "b c.ctx", "recipes"]);
    expect(offered("run", "")).toEqual(["a.ctx", "b c.ctx", "plan.json", "recipes"]);
    expect(offered("report", "")).toEqual(["recipes"]);
    expect(offered("plan", "a.ctx", "--out", "n")).toEqual(["notes.txt"]);
  });

  test("params of the recipes on the line, codes, shells", () => {
    expect(offered("plan", "a.ctx", "--set", "")).toEqual(["gpus=", "length="]);
    expect(offered("plan", "a.ctx", "--set", "g")).toEqual(["gpus="]);
    expect(offered("explain", "CTX100")).toEqual(codes.filter((code) => code.startsWith("CTX100")));
    expect(offered("completion", "")).toEqual(["bash", "fish", "zsh"]);
  });

  test("sourced, it is bound to ctx", () => {
    const { stdout } = spawnSync("bash", ["-c", `${script("bash")}\ncomplete -p ctx`], { encoding: "utf8" });
    expect(stdout).toBe("complete -F _ctx ctx\n");
  });
});

test.runIf(has("zsh"))("zsh takes its script, and knows the function after it", () => {
  const run = `autoload -Uz compinit; compinit -u -d ${join(folder, "dump")}\n${script("zsh")}\nprint -- $_comps[ctx]`;
  const { status, stdout, stderr } = spawnSync("zsh", ["-f", "-c", run], { encoding: "utf8" });
  expect([status, stdout, stderr]).toEqual([0, "_ctx\n", ""]);
});

test.runIf(has("fish"))("fish takes its script, and completes by it", () => {
  const ask = (line: string) =>
    spawnSync("fish", ["--no-config", "-c", `${script("fish")}\ncomplete -C '${line}'`], {
      cwd: folder,
      encoding: "utf8",
    });
  const words = (line: string) =>
    ask(line)
      .stdout.split("\n")
      .filter(Boolean)
      .map((each) => each.split("\t")[0]);
  expect(ask("ctx ").stderr).toBe("");
  expect(words("ctx ")).toEqual(COMMANDS);
  expect(words("ctx check --reporter ")).toEqual(["github", "json", "sarif", "text"]);
  expect(words("ctx plan a.ctx --set ")).toEqual(["gpus=", "length="]);
  expect(words("ctx check ")).toContain("a.ctx");
  expect(words("ctx check ")).not.toContain("notes.txt");
});

test("every command and option is in every script", () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const text = script(shell);
    for (const command of COMMANDS) expect(text).toMatch(new RegExp(`\\b${command}\\b`));
    for (const option of ["dry-run", "reporter", "nproc", "perplexity"]) expect(text).toContain(option);
  }
});

test("--json holds the script", () => {
  const { stdout } = spawnSync(process.execPath, [program, "completion", "bash", "--json"], { encoding: "utf8" });
  expect(JSON.parse(stdout)).toEqual({ shell: "bash", script: script("bash") });
});

test("another shell is wrong usage", () => {
  const { status, stderr } = spawnSync(process.execPath, [program, "completion", "tcsh"], { encoding: "utf8" });
  expect([status, stderr]).toEqual([2, expect.stringMatching(/Allowed choices are bash, zsh, fish/)]);
});

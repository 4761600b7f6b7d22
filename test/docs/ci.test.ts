// What docs/ci.md tells users to put into their repositories works there.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";

const page = readFileSync("docs/ci.md", "utf8");
const block = (fence: string) => new RegExp(`^\`\`\`${fence}\\n([\\s\\S]*?)^\`\`\`$`, "m").exec(page)![1]!;

const folder = mkdtempSync(join(tmpdir(), "ctx-ci-"));
const bin = join(folder, "bin");
const repository = join(folder, "repository");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const env = {
  ...process.env,
  PATH: `${bin}${delimiter}${process.env.PATH}`,
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@example.org",
  GIT_COMMITTER_NAME: "a",
  GIT_COMMITTER_EMAIL: "a@example.org",
};

const run = (command: string, ...words: string[]) =>
  spawnSync(command, words, { cwd: repository, encoding: "utf8", env });

const GOOD = `recipe good

model { from = "meta-llama/Meta-Llama-3-8B" }
data  { source books { files = "books/*.jsonl" } }
rope  { theta = critical_base(length) }

hardware { preset = h100  devices = 8 }

stage s64k { length = 64Ki  steps = 50  batch = 16 }
`;

beforeAll(() => {
  mkdirSync(bin);
  mkdirSync(join(repository, "recipes"), { recursive: true });
  // `ctx` as `npm link` would put it on the path.
  writeFileSync(join(bin, "ctx"), `#!/bin/sh\nexec "${process.execPath}" "${resolve("dist/cli/ctx.js")}" "$@"\n`);
  chmodSync(join(bin, "ctx"), 0o755);
  run("git", "init", "-q");
  const hook = join(repository, ".git", "hooks", "pre-commit");
  mkdirSync(join(repository, ".git", "hooks"), { recursive: true });
  writeFileSync(hook, block("sh hook"));
  chmodSync(hook, 0o755);
});

/** Writes a recipe, stages it and tries to commit. */
function commit(file: string, text: string) {
  writeFileSync(join(repository, file), text);
  expect(run("git", "add", file).status).toBe(0);
  return run("git", "commit", "-q", "-m", "recipe");
}

describe.runIf(spawnSync("git", ["--version"]).status === 0)("the hook", () => {
  test("lets a good recipe in, whatever its name", () => {
    expect(commit("recipes/good ä.ctx", GOOD)).toMatchObject({ status: 0, stderr: "" });
  });

  test("keeps a wrong one out, and tells why", () => {
    const { status, stderr } = commit("recipes/wrong.ctx", GOOD.replace("steps", "stesp"));
    expect([status, stderr]).toEqual([1, expect.stringMatching(/error CTX2001: stage has no property stesp/)]);
    expect(run("git", "diff", "--cached", "--name-only").stdout).toBe("recipes/wrong.ctx\n");
    run("git", "rm", "-q", "-f", "--cached", "recipes/wrong.ctx");
  });

  test("keeps an unformatted one out, and tells what to do", () => {
    const { status, stderr } = commit("recipes/ugly.ctx", GOOD.replace("recipe good", "recipe   good"));
    expect([status, stderr]).toEqual([
      1,
      "recipes/ugly.ctx is not formatted; mend it with: ctx fmt 'recipes/ugly.ctx'\n",
    ]);
    expect(run("ctx", "fmt", "recipes/ugly.ctx").status).toBe(0);
    expect(run("git", "add", "recipes/ugly.ctx").status).toBe(0);
    expect(run("git", "commit", "-q", "-m", "mended")).toMatchObject({ status: 0, stderr: "" });
  });

  test("what is no recipe is none of its business", () => {
    expect(commit("notes.txt", "stesp")).toMatchObject({ status: 0, stderr: "" });
  });
});

describe("the workflow", () => {
  const workflow = parse(block("yaml workflow"));
  const steps: { name?: string; uses?: string; run?: string }[] = workflow.jobs.check.steps;
  const step = (name: string) => steps.find((each) => each.name === name)!.run!;

  test("is a workflow: when, where, and steps that either use or run something", () => {
    expect(workflow.on).toEqual(["push", "pull_request"]);
    expect(workflow.jobs.check["runs-on"]).toBe("ubuntu-latest");
    for (const each of steps) expect(Number(each.uses !== undefined) + Number(each.run !== undefined)).toBe(1);
    expect(workflow.permissions["security-events"]).toBe("write");
    // What it builds with is there.
    const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
    for (const [, script] of step("install ctx").matchAll(/npm run (\S+)/g)) expect(scripts).toHaveProperty(script!);
  });

  test.runIf(spawnSync("xargs", ["-r", "true"], { input: "" }).status === 0)(
    "its steps do what they are called",
    () => {
      const shell = (script: string) => run("bash", "-eo", "pipefail", "-c", script);
      expect(shell(step("check"))).toMatchObject({ status: 0, stdout: "", stderr: "" });
      expect(shell(step("format")).status).toBe(0);
      expect(commit("recipes/late.ctx", GOOD.replace("steps", "stesp")).status).toBe(1); // staged: git lists it
      const checked = shell(step("check"));
      expect(checked.status).not.toBe(0);
      expect(checked.stdout).toMatch(/^::error file=recipes\/late\.ctx,line=9,/);
      expect(shell(step("report")).status).toBe(0);
      expect(JSON.parse(readFileSync(join(repository, "ctx.sarif"), "utf8")).runs[0].results).toHaveLength(1);
    },
  );
});

test("the pre-commit framework's file names commands and options that there are", () => {
  const { repos } = parse(block("yaml pre-commit"));
  for (const { id, entry, files } of repos[0].hooks) {
    expect(new RegExp(files).test(id === "ctx-check" ? "a.ctx" : "b/c.ctx")).toBe(true);
    writeFileSync(join(repository, "fine.ctx"), GOOD);
    expect(run("sh", "-c", `${entry} fine.ctx`), id).toMatchObject({ status: 0, stdout: "", stderr: "" });
  }
});

test("the schema is where editors are told to look", () => {
  const { "json.schemas": schemas } = JSON.parse(block("json"));
  const path = schemas[0].url.replace("./node_modules/ctx-recipe/", "");
  expect(JSON.parse(readFileSync(path, "utf8")).$id).toMatch(/^urn:ctx-recipe:plan:\d+$/);
});

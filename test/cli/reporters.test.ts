// The ways in which `ctx check` tells what it found, and that it goes on telling.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Ajv } from "ajv";
import { afterAll, expect, test } from "vitest";
import { type Code, codes, entryOf } from "../../compiler/diagnostics/catalogue.ts";
import type { Diagnostic } from "../../compiler/diagnostics/diagnostic.ts";
import { toGithub } from "../../compiler/diagnostics/github.ts";
import { toSarif } from "../../compiler/diagnostics/sarif.ts";
import { SourceText } from "../../grammar/index.ts";

const program = resolve("dist", "cli", "ctx.js");
const folder = mkdtempSync(join(tmpdir(), "ctx-reporters-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// An emoji takes two UTF-16 units and one column of a caret line less than that: only the first counts here.
const RECIPE = `model { from = "meta-llama/Meta-Llama-3-8B" }
data { source books { files = "🦙/*.jsonl"  txet = "text" } }
rope { theta = critical_base(length) }
stage s64k { length = 64K  steps = 50  batch = 16 }
`;
writeFileSync(join(folder, "a b.ctx"), RECIPE);
mkdirSync(join(folder, "sub"));
writeFileSync(join(folder, "sub", "import.ctx"), 'import "../a b.ctx"\n');

function ctx(words: string[], env: NodeJS.ProcessEnv = {}) {
  const { FORCE_COLOR: _, GITHUB_WORKSPACE: __, ...own } = process.env;
  return spawnSync(process.execPath, [program, ...words], { cwd: folder, env: { ...own, ...env }, encoding: "utf8" });
}

/** What SARIF 2.1.0 (OASIS, sarif-schema-2.1.0.json) asks of the parts that are used here. */
const region = {
  type: "object",
  properties: {
    startLine: { type: "integer", minimum: 1 },
    startColumn: { type: "integer", minimum: 1 },
    endLine: { type: "integer", minimum: 1 },
    endColumn: { type: "integer", minimum: 1 },
  },
  required: ["startLine"],
  additionalProperties: false,
};
const message = {
  type: "object",
  properties: { text: { type: "string", minLength: 1 } },
  required: ["text"],
  additionalProperties: false,
};
const artifactLocation = {
  type: "object",
  properties: { uri: { type: "string", pattern: "^[^\\s\\\\]+$" }, uriBaseId: { type: "string" } },
  required: ["uri"],
  additionalProperties: false,
};
const physicalLocation = {
  type: "object",
  properties: { artifactLocation, region },
  required: ["artifactLocation"],
  additionalProperties: false,
};
const level = { enum: ["none", "note", "warning", "error"] };
const rule = {
  type: "object",
  properties: {
    id: { type: "string" },
    name: { type: "string", pattern: "^[A-Za-z][A-Za-z0-9]*$" },
    shortDescription: message,
    fullDescription: message,
    defaultConfiguration: { type: "object", properties: { level }, additionalProperties: false },
    help: {
      type: "object",
      properties: { text: { type: "string", minLength: 1 }, markdown: { type: "string" } },
      required: ["text"],
      additionalProperties: false,
    },
  },
  required: ["id", "help"],
  additionalProperties: false,
};
const fix = {
  type: "object",
  properties: {
    description: message,
    artifactChanges: {
      type: "array",
      minItems: 1,
      items: {
        type: "object",
        properties: {
          artifactLocation,
          replacements: {
            type: "array",
            minItems: 1,
            items: {
              type: "object",
              properties: {
                deletedRegion: region,
                insertedContent: {
                  type: "object",
                  properties: { text: { type: "string" } },
                  additionalProperties: false,
                },
              },
              required: ["deletedRegion"],
              additionalProperties: false,
            },
          },
        },
        required: ["artifactLocation", "replacements"],
        additionalProperties: false,
      },
    },
  },
  required: ["artifactChanges"],
  additionalProperties: false,
};
const result = {
  type: "object",
  properties: {
    ruleId: { type: "string" },
    ruleIndex: { type: "integer", minimum: 0 },
    level,
    message,
    locations: {
      type: "array",
      items: { type: "object", properties: { physicalLocation }, additionalProperties: false },
    },
    relatedLocations: {
      type: "array",
      items: {
        type: "object",
        properties: { id: { type: "integer", minimum: 0 }, message, physicalLocation },
        additionalProperties: false,
      },
    },
    fixes: { type: "array", items: fix },
  },
  required: ["message"],
  additionalProperties: false,
};
const sarif = new Ajv({ strict: true }).compile({
  type: "object",
  properties: {
    $schema: { type: "string" },
    version: { const: "2.1.0" },
    runs: {
      type: "array",
      items: {
        type: "object",
        properties: {
          tool: {
            type: "object",
            properties: {
              driver: {
                type: "object",
                properties: {
                  name: { type: "string" },
                  version: { type: "string" },
                  rules: { type: "array", uniqueItems: true, items: rule },
                },
                required: ["name"],
                additionalProperties: false,
              },
            },
            required: ["driver"],
            additionalProperties: false,
          },
          invocations: {
            type: "array",
            items: {
              type: "object",
              properties: { executionSuccessful: { type: "boolean" } },
              required: ["executionSuccessful"],
              additionalProperties: false,
            },
          },
          columnKind: { enum: ["utf16CodeUnits", "unicodeCodePoints"] },
          results: { type: "array", items: result },
        },
        required: ["tool"],
        additionalProperties: false,
      },
    },
  },
  required: ["version", "runs"],
  additionalProperties: false,
});

test("SARIF: rules with their pages, regions in UTF-16 units, fixes", () => {
  const { status, stdout, stderr } = ctx(["check", "a b.ctx", "--reporter", "sarif"]);
  expect([status, stderr]).toEqual([1, ""]);
  const log = JSON.parse(stdout);
  expect(sarif(log), JSON.stringify(sarif.errors)).toBe(true);
  const [run] = log.runs;
  expect(run.tool.driver.rules.map(({ id, name }: { id: string; name: string }) => [id, name])).toEqual([
    ["CTX2001", "UnknownProperty"],
    ["CTX2103", "DecimalLength"],
  ]);
  expect(run.tool.driver.rules[0].help.markdown).toBe(readFileSync("docs/errors/CTX2001.md", "utf8"));
  const [first] = run.results;
  const line = RECIPE.split("\n")[1]!;
  const startColumn = line.indexOf("txet") + 1;
  const place = { startLine: 2, startColumn, endLine: 2, endColumn: startColumn + 4 };
  expect(first).toMatchObject({
    ruleId: "CTX2001",
    ruleIndex: 0,
    level: "error",
    locations: [
      { physicalLocation: { artifactLocation: { uri: "a%20b.ctx", uriBaseId: "%SRCROOT%" }, region: place } },
    ],
    fixes: [{ artifactChanges: [{ replacements: [{ deletedRegion: place, insertedContent: { text: "text" } }] }] }],
  });
});

test("SARIF: what any code gives is a log, absolute files are addresses, and no page is no trouble", () => {
  const at = { file: "/tmp/a b/c.ctx", start: 0, end: 5 };
  const diagnostics = codes.map((code: Code): Diagnostic => {
    const { severity } = entryOf(code);
    const related = [{ message: "here", at }];
    const fixes = [{ title: "t", safety: "review" as const, edits: [{ ...at, text: "" }] }];
    return { code, severity, message: "m", label: "", at, related, fixes };
  });
  const log = toSarif(diagnostics, () => new SourceText("12345"), { version: "1" });
  expect(sarif(log), JSON.stringify(sarif.errors)).toBe(true);
  expect(JSON.stringify(log)).toContain('"uri":"file:///tmp/a%20b/c.ctx"');
});

test("GitHub: one annotation for each, at its place, escaped as workflow commands are", () => {
  const { status, stdout, stderr } = ctx(["check", "a b.ctx", "--github"]);
  expect([status, stderr]).toEqual([1, ""]);
  const column = RECIPE.split("\n")[1]!.indexOf("txet") + 1;
  expect(stdout.split("\n")).toEqual([
    `::error file=a b.ctx,line=2,col=${column},endColumn=${column + 3},title=CTX2001 unknown property::source has no property txet: did you mean text?%0Afix: text instead of txet`,
    "::warning file=a b.ctx,line=4,col=23,endColumn=25,title=CTX2103 decimal length::64K as a length is 64,000 tokens, not a power of two: lengths are usually written 64Ki (65,536)%0Afix: 64Ki",
    "",
  ]);
  const at = { file: "x,y:z%.ctx", start: 0, end: 3 };
  const diagnostic: Diagnostic = {
    code: "CTX9",
    severity: "info",
    message: "100%\nsure",
    label: "a:b,c",
    at,
    related: [],
    fixes: [],
  };
  expect(
    toGithub(
      [diagnostic],
      () => new SourceText("1\n2"),
      () => "t,u",
      (file) => file,
    ),
  ).toEqual(["::notice file=x%2Cy%3Az%25.ctx,line=1,endLine=2,title=CTX9 t%2Cu::100%25%0Asure: a:b,c"]);
});

test("GitHub: files are named from the repository's root, and --quiet leaves errors", () => {
  const stdout = ctx(["check", "import.ctx", "--reporter", "github", "--quiet"], { GITHUB_WORKSPACE: folder }).stdout;
  expect(stdout).toBe("");
  const sub = spawnSync(process.execPath, [program, "check", "import.ctx", "--github", "--quiet"], {
    cwd: join(folder, "sub"),
    env: { ...process.env, GITHUB_WORKSPACE: folder },
    encoding: "utf8",
  });
  expect(sub.stdout).toMatch(/^::error file=a b\.ctx,line=2,[^\n]*\n$/);
});

test.each([
  [["--json", "--sarif"], /choose one of --json and --sarif/],
  [["--reporter", "github", "--json"], /choose one of --github and --json/],
  [["--reporter", "xml"], /Allowed choices are text, json, sarif, github/],
  [["--github", "--watch"], /--watch prints for people; it can't be combined with --github/],
])("%j is wrong usage", (words, reason) => {
  expect(ctx(["check", "a b.ctx", ...words])).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(reason),
  });
});

test("--watch checks again when the recipe, or what it imports, changes; a pipe gets plain text", async () => {
  const base = join(folder, "base.ctx");
  // A recipe for a machine that it fits is fine; nothing is to be said of the one that checks.
  const sound = `${RECIPE.replace("64K ", "64Ki ")}hardware { preset = h100  devices = 8 }\n`;
  writeFileSync(base, sound.replace("txet", "text"));
  mkdirSync(join(folder, "own"));
  writeFileSync(join(folder, "own", "top.ctx"), 'import "../base.ctx"\n');
  const child = spawn(process.execPath, [program, "check", "top.ctx", "--watch"], { cwd: join(folder, "own") });
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
  });
  const until = async (what: RegExp) => {
    for (let waited = 0; !what.test(printed); waited += 20) {
      if (waited > 120_000) throw new Error(`never printed ${what}: ${printed}`);
      await new Promise((wake) => setTimeout(wake, 20));
    }
  };
  try {
    await until(/top\.ctx: fine\n/);
    writeFileSync(base, sound);
    await until(/CTX2001[\s\S]*top\.ctx: 1 error/);
    writeFileSync(base, sound.replace("txet", "text"));
    await until(/1 error[\s\S]*top\.ctx: fine\n$/);
    expect(printed).not.toContain("\x1b");
    // What else lies there, such as the answers themselves, does not count.
    const before = printed;
    writeFileSync(join(folder, "own", "answers.txt"), printed);
    await new Promise((wake) => setTimeout(wake, 500));
    expect(printed).toBe(before);
  } finally {
    child.kill();
  }
});

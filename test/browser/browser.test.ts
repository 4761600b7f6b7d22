// The compiler where there is no Node: bundled for browsers, in a bare context, and in Chromium where one is installed.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { format } from "../../grammar/index.ts";
import { bundleForPage } from "./bundle.ts";
import { REPLAY, recordRecipes } from "./recording.ts";

const recorded = recordRecipes("recipes");
const folder = mkdtempSync(join(tmpdir(), "ctx-browser-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let result: Awaited<ReturnType<typeof bundleForPage>>;
let bundle: string;

beforeAll(async () => {
  result = await bundleForPage('export * from "./compiler/index.ts"; export * from "./grammar/index.ts";');
  bundle = result.outputFiles[0]!.text;
});

/**
 * Holds the results of REPLAY against those of this process.
 *
 * @param read how plans are compared: as text, or as numbers that may differ in their last digits
 */
function expectSame(json: string, read: (plan: string) => unknown): void {
  const results = JSON.parse(json);
  expect(results).toHaveLength(recorded.length);
  for (const [k, { file, text, plan, diagnostics }] of recorded.entries()) {
    expect({ ...results[k], plan: read(results[k].plan) }).toEqual({
      file,
      plan: read(plan),
      diagnostics,
      formatted: format(text),
    });
  }
  expect(recorded.every(({ plan }) => JSON.parse(plan).stages.length > 0)).toBe(true);
}

/** Another engine may round a power in another way: the language leaves that to it. */
const rounded = (plan: string) =>
  JSON.parse(plan, (_, value) => (typeof value === "number" ? Number(value.toPrecision(13)) : value));

test("bundles for browsers without a Node module, a warning or the command line", () => {
  expect(result.warnings).toEqual([]);
  const inputs = Object.keys(result.metafile.inputs);
  expect(inputs.filter((input) => /^node:|^(runtime|cli|native)\//.test(input))).toEqual([]);
  expect(
    Object.values(result.metafile.inputs).flatMap(({ imports }) => imports.filter(({ external }) => external)),
  ).toEqual([]);
  // A page should not wait for it: about what an editor component weighs.
  expect(bundle.length).toBeLessThan(1_200_000);
});

test("compiles every recipe in a context that has nothing but the language, to the same bytes", () => {
  const context = createContext({}, { codeGeneration: { strings: false, wasm: false } });
  // What every page and worker has besides: a name for the global object, and Unicode.
  runInContext("globalThis.self = globalThis;", context);
  Object.assign(context, { TextEncoder, TextDecoder });
  runInContext(bundle, context);
  runInContext(REPLAY, context);
  for (const name of ["process", "Buffer", "require", "setTimeout"])
    expect(runInContext(`typeof ${name}`, context), name).toBe("undefined");
  context.recorded = JSON.stringify(recorded);
  expectSame(runInContext("replay(JSON.parse(recorded))", context), (plan) => plan);
});

const CHROMIUMS = [process.env.CHROME_PATH, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const chromium = CHROMIUMS.find((name) => name && spawnSync(name, ["--version"]).status === 0);

test.runIf(chromium)("compiles every recipe in Chromium, to the same plan", { timeout: 240_000 }, () => {
  const page = join(folder, "page.html");
  writeFileSync(join(folder, "ctx.js"), bundle);
  writeFileSync(join(folder, "recorded.js"), `const recorded = ${JSON.stringify(recorded)};${REPLAY}`);
  const main = `
    let outcome;
    try { outcome = replay(recorded); } catch (error) { outcome = String(error && error.stack); }
    document.body.textContent = "BEGIN" + encodeURIComponent(outcome) + "END";`;
  writeFileSync(join(folder, "main.js"), main);
  const scripts = ["ctx", "recorded", "main"].map((name) => `<script src="${name}.js"></script>`).join("");
  // As strict as pages of companies are: no code from strings.
  const policy = `<meta http-equiv="Content-Security-Policy" content="script-src file:">`;
  writeFileSync(
    page,
    `<!doctype html><html><head><meta charset="utf-8">${policy}</head><body>${scripts}</body></html>`,
  );
  const flags = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--allow-file-access-from-files",
    `--user-data-dir=${join(folder, "profile")}`,
  ];
  const { stdout, stderr } = spawnSync(chromium!, [...flags, "--dump-dom", `file://${page}`], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  const printed = /BEGIN(.*)END/.exec(stdout)?.[1];
  expect(printed, stderr).toBeDefined();
  const outcome = decodeURIComponent(printed!);
  expect(outcome[0], outcome.slice(0, 2000)).toBe("[");
  expectSame(outcome, rounded);
});

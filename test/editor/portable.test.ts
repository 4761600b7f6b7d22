// The service by itself, as a worker of a page loads it.
import { createContext, runInContext } from "node:vm";
import { expect, test } from "vitest";
import { bundleForPage } from "../browser/bundle.ts";

const page = `
const workspace = { host: ctx.emptyHost, uri: (file) => file };
const snapshot = new ctx.Snapshot("a.ctx", 'model { from = "meta-llama/Meta-Llama-3-8B" }\\nrope { the }\\n', workspace);
JSON.stringify([
  [...ctx.diagnosticsOf(snapshot).values()].flat().map(({ code }) => code),
  ctx.completionsAt(snapshot, { line: 1, character: 10 }).map(({ label }) => label),
]);`;

test("bundles for browsers without a Node module, and answers where there is nothing but the language", async () => {
  const result = await bundleForPage(
    'export * from "./editor/service/index.ts"; export { emptyHost } from "./compiler/index.ts";',
  );
  expect(result.warnings).toEqual([]);
  const inputs = Object.entries(result.metafile.inputs);
  expect(inputs.filter(([name]) => /^(node:|(runtime|cli|native|editor\/server)\/)|vscode-/.test(name))).toEqual([]);
  expect(inputs.flatMap(([, { imports }]) => imports.filter(({ external }) => external))).toEqual([]);

  const context = createContext({}, { codeGeneration: { strings: false, wasm: false } });
  runInContext("globalThis.self = globalThis;", context);
  Object.assign(context, { TextEncoder, TextDecoder });
  runInContext(result.outputFiles[0]!.text, context);
  const [codes, labels] = JSON.parse(runInContext(page, context)) as [string[], string[]];
  expect(codes).toContain("CTX1007");
  expect(labels).toContain("theta");
});

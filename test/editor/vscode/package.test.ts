/** The packed extension, unpacked somewhere else: all of it is there, it needs nothing around it, and it starts. */
import { fork, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { inflateRawSync, inflateSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from "vscode-jsonrpc/node";
import { crc32 } from "../../../editor/vscode/crc32.mjs";
import { bundleExtension, packExtension } from "../../../editor/vscode/package.mjs";

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const folder = mkdtempSync(join(tmpdir(), "ctx-vsix-"));
const extension = join(folder, "unpacked", "extension");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let vsix: Buffer;
let manifest: { [name: string]: never };
const names: string[] = [];

beforeAll(async () => {
  const bundle = join(folder, "bundle");
  manifest = await bundleExtension(bundle);
  vsix = packExtension(bundle, manifest);
  expect(packExtension(bundle, manifest).equals(vsix), "the same bytes each time").toBe(true);
  for (const [name, contents] of entriesOf(vsix)) {
    names.push(name);
    const file = join(folder, "unpacked", name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, contents);
  }
});

/** Files of a ZIP archive as its directory lists them, each held against its check sum. */
function entriesOf(bytes: Buffer): [string, Buffer][] {
  const end = bytes.lastIndexOf("PK\x05\x06", undefined, "latin1");
  const entries: [string, Buffer][] = [];
  let at = bytes.readUInt32LE(end + 16);
  for (let k = bytes.readUInt16LE(end + 10); k > 0; k--) {
    expect(bytes.readUInt32LE(at)).toBe(0x02014b50);
    const length = bytes.readUInt16LE(at + 28);
    const name = bytes.toString("utf8", at + 46, at + 46 + length);
    const local = bytes.readUInt32LE(at + 42);
    expect(bytes.readUInt32LE(local)).toBe(0x04034b50);
    // What stands before the file is what the directory says of it.
    expect(bytes.subarray(local + 4, local + 30).equals(bytes.subarray(at + 6, at + 32))).toBe(true);
    const from = local + 30 + length;
    const contents = inflateRawSync(bytes.subarray(from, from + bytes.readUInt32LE(at + 20)));
    expect(contents.length).toBe(bytes.readUInt32LE(at + 24));
    expect(crc32(contents), name).toBe(bytes.readUInt32LE(at + 16));
    entries.push([name, contents]);
    at += 46 + length;
  }
  expect(at).toBe(end);
  return entries;
}

test("says what may be done with it, and what has changed", () => {
  const page = (type: string) => {
    const vsixManifest = readFileSync(join(folder, "unpacked", "extension.vsixmanifest"), "utf8");
    const path = new RegExp(`Type="Microsoft\\.VisualStudio\\.Services\\.Content\\.${type}" Path="([^"]+)"`).exec(
      vsixManifest,
    )?.[1];
    return readFileSync(join(folder, "unpacked", path ?? ""), "utf8");
  };
  expect(page("License")).toContain("Apache License, version 2.0");
  expect(page("Changelog")).toContain(`## ${manifest.version}`);
});

test("is small, and holds each file once", () => {
  expect(vsix.length).toBeLessThan(1_000_000);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toEqual(expect.arrayContaining(["extension.vsixmanifest", "[Content_Types].xml"]));
  expect(names.some((name) => /\.(?:ts|map)$/.test(name))).toBe(false);
});

test("every file that a manifest speaks of is there", () => {
  const text = readFileSync(join(extension, "package.json"), "utf8");
  const files = [...text.matchAll(/"(?:\.\/)?([\w.-]+\.(?:json|cjs|png|svg|md))"/g)].map(([, file]) => file!);
  expect(files.length).toBeGreaterThan(6);
  for (const file of files) expect(existsSync(join(extension, file)), file).toBe(true);
  const assets = readFileSync(join(folder, "unpacked", "extension.vsixmanifest"), "utf8");
  for (const [, path] of assets.matchAll(/Path="([^"]*)"/g)) expect(names).toContain(path);
  const types = readFileSync(join(folder, "unpacked", "[Content_Types].xml"), "utf8");
  for (const name of names.filter((name) => !name.startsWith("["))) {
    expect(types).toContain(`Extension="${name.slice(name.lastIndexOf("."))}"`);
  }
});

test("the grammar is the language's", () => {
  expect(readFileSync(join(extension, "ctx.tmLanguage.json"), "utf8")).toBe(
    readFileSync(join(root, "grammar/generated/ctx.tmLanguage.json"), "utf8"),
  );
});

test("the icon is a picture of 128 × 128 pixels with something on it", () => {
  const png = readFileSync(join(extension, "icon.png"));
  expect(png.subarray(0, 8).toString("latin1")).toBe("\x89PNG\r\n\x1a\n");
  let at = 8;
  const chunks = new Map<string, Buffer>();
  while (at < png.length) {
    const length = png.readUInt32BE(at);
    chunks.set(png.toString("latin1", at + 4, at + 8), png.subarray(at + 8, at + 8 + length));
    expect(crc32(png.subarray(at + 4, at + 8 + length))).toBe(png.readUInt32BE(at + 8 + length));
    at += 12 + length;
  }
  expect([...chunks.keys()]).toEqual(["IHDR", "IDAT", "IEND"]);
  const header = chunks.get("IHDR")!;
  expect([header.readUInt32BE(0), header.readUInt32BE(4)]).toEqual([128, 128]);
  const pixels = inflateSync(chunks.get("IDAT")!);
  const colour = (x: number, y: number) => [...pixels.subarray(y * 513 + 1 + 4 * x).subarray(0, 4)];
  expect(colour(0, 0)[3]).toBe(0); // a round corner
  expect(colour(64, 64)).toEqual([0x16, 0x19, 0x1d, 255]);
  expect(colour(64, 64 - 47)).toEqual([0xee, 0x8a, 0x55, 255]); // where the outer arc begins
});

test("nothing is loaded from outside but VS Code and Node", () => {
  const text = readFileSync(join(extension, "extension.cjs"), "utf8");
  const loaded = [...text.matchAll(/\brequire\("([^"]+)"\)/g)].map(([, name]) => name!.replace(/^node:/, ""));
  expect(loaded).toContain("vscode");
  expect([...new Set(loaded)].filter((name) => name !== "vscode" && !builtinModules.includes(name))).toEqual([]);
});

test("the bundle loads, and has what VS Code calls", () => {
  // Any class and any function: what is asked for while loading is there.
  const program = `
    const any = new Proxy(class {}, { get: (target, name) => (name in target ? target[name] : any) });
    const { _load } = require("node:module");
    require("node:module")._load = (name, ...rest) => (name === "vscode" ? any : _load(name, ...rest));
    const { activate, deactivate } = require(${JSON.stringify(join(extension, "extension.cjs"))});
    console.log(typeof activate, typeof deactivate);`;
  const { stdout, stderr } = spawnSync(process.execPath, ["-e", program], { encoding: "utf8" });
  expect(stdout, stderr).toBe("function function\n");
});

test("checks, plans and explains by itself", () => {
  const recipe = join(folder, "books.ctx");
  writeFileSync(recipe, readFileSync(join(root, "recipes/gradient-llama3-1m.ctx")));
  const run = (...words: string[]) =>
    spawnSync(process.execPath, [join(extension, "program.mjs"), ...words], {
      ...{ cwd: folder, encoding: "utf8", maxBuffer: 2 ** 26 },
      // As VS Code starts it: its own program as Node.
      env: { ...process.env, ELECTRON_RUN_AS_NODE: "1", NODE_PATH: "" },
    });
  expect(run("check", "books.ctx").stdout).toMatch(/^info CTX|books\.ctx: /);
  const plan = run("plan", "--json", "--", "books.ctx");
  expect(JSON.parse(plan.stdout).recipe, plan.stderr).toBe("llama3_8b_1m");
  expect(run("explain", "CTX7001").stdout).toContain("# CTX7001");
  expect(run("--version").stdout.trim()).toBe(manifest.version);
});

test("the language server that comes along finds what is wrong, started as VS Code's client starts it", async () => {
  const process_ = fork(join(extension, "program.mjs"), ["lsp", "--stdio", `--clientProcessId=${process.pid}`], {
    ...{ cwd: folder, silent: true, execArgv: [], env: { ...process.env, ELECTRON_RUN_AS_NODE: "1", NODE_PATH: "" } },
  });
  const connection = createMessageConnection(
    new StreamMessageReader(process_.stdout!),
    new StreamMessageWriter(process_.stdin!),
  );
  connection.listen();
  const published = new Promise<{ diagnostics: { code: string; codeDescription?: { href: string } }[] }>((resolve) =>
    connection.onNotification("textDocument/publishDiagnostics", resolve),
  );
  const { capabilities, serverInfo } = await connection.sendRequest<{
    capabilities: { [name: string]: unknown };
    serverInfo: object;
  }>("initialize", { processId: process.pid, rootUri: null, capabilities: {} });
  expect(serverInfo).toEqual({ name: "ctx", version: manifest.version });
  expect(capabilities.completionProvider).toBeTruthy();
  await connection.sendNotification("initialized", {});
  const textDocument = {
    uri: "untitled:Untitled-1",
    languageId: "ctx",
    version: 1,
    text: "rope { rope_theta = 1M }\n",
  };
  await connection.sendNotification("textDocument/didOpen", { textDocument });
  const found = (await published).diagnostics.find(({ code }) => code === "CTX2001");
  // A code leads to its page, which comes along too.
  expect(existsSync(fileURLToPath(found!.codeDescription!.href))).toBe(true);
  const ended = new Promise((resolve) => process_.once("exit", resolve));
  await connection.sendRequest("shutdown");
  await connection.sendNotification("exit");
  expect(await ended).toBe(0);
  connection.dispose();
});

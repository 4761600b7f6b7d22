// The server's own process over its standard streams, through what an editor does.
import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CancellationTokenSource } from "vscode-jsonrpc/node";
import { nodeHost } from "../../cli/host.ts";
import { check } from "../../compiler/index.ts";
import type {
  CompletionItem,
  EditorDiagnostic,
  Hover,
  InlayHint,
  Location,
  TextEdit,
  WorkspaceEdit,
} from "../../editor/service/index.ts";
import { completionsAt, Snapshot } from "../../editor/service/index.ts";
import { format } from "../../grammar/index.ts";
import { Editor } from "./client.ts";
import { applied } from "./fixture.ts";

let folder: string;
let editor: Editor;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ctx-editor-"));
  editor = new Editor(folder);
});
afterEach(() => {
  editor.connection.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const uriOf = (name: string) => pathToFileURL(join(folder, name)).href;
const codes = (list: readonly EditorDiagnostic[]) => list.map(({ code }) => code);

const HEAD = `model { from = "meta-llama/Meta-Llama-3-8B" }  hardware { preset = h100  devices = 8 }
data { source books { files = "books/*.txt" } }
rope { theta = critical_base(length) }
`;

/** What `ctx check` says of a text in this folder. */
function checked(name: string, text: string) {
  const file = join(folder, name);
  return check(text, nodeHost(), { file }).diagnostics.map(({ code, range }) => ({ code, range }));
}

/** Waits for what `ctx check` says of the text; before that, the server may tell what it knows early. */
async function settled(uri: string, name: string, text: string): Promise<void> {
  const expected = JSON.stringify(checked(name, text));
  await editor.diagnostics(uri, (list) => JSON.stringify(told(list)) === expected);
}

const told = (list: readonly EditorDiagnostic[]) => list.map(({ code, range }) => ({ code, range }));

test("a session: open, type letter by letter, complete, undo, hover, rename, format, close", async () => {
  const { capabilities } = await editor.start(pathToFileURL(folder).href);
  expect(Object.keys(capabilities)).toEqual(
    expect.arrayContaining(["hoverProvider", "renameProvider", "inlayHintProvider"]),
  );
  const uri = uriOf("a.ctx");
  await editor.open(uri, HEAD);
  await settled(uri, "a.ctx", HEAD);

  // A stage, letter by letter, taken back letter by letter, and written again in one go; each completion is the service's own.
  const typed = "stage s64k { length = 64Ki  steps = 50  batch = 16 }\n";
  let text = HEAD;
  const put = async (from: number, to: number, inserted: string) => {
    const range = { start: { line: 3, character: from }, end: { line: 3, character: to } };
    await editor.change(uri, [{ range, text: inserted }]);
    text = applied(text, [{ range, newText: inserted }]);
  };
  const expectCompletions = async (character: number, labels: string[] = []) => {
    const at = { line: 3, character };
    const items = (await editor.at("completion", uri, at)) as CompletionItem[];
    const file = join(folder, "a.ctx");
    const own = completionsAt(new Snapshot(file, text, { host: nodeHost(), uri: () => uri }), at);
    expect(items).toEqual(own);
    expect(items.map(({ label }) => label)).toEqual(expect.arrayContaining(labels));
  };
  const line = typed.trimEnd();
  const offered: { [line: string]: string[] } = { st: ["stage"], "stage s64k { le": ["length", "steps"] };
  for (let k = 0; k < line.length; k++) {
    await put(k, k, line[k]!);
    await expectCompletions(k + 1, offered[line.slice(0, k + 1)]);
  }
  await settled(uri, "a.ctx", HEAD + line);
  for (let k = line.length; k > 0; k--) {
    await put(k - 1, k, "");
    await expectCompletions(k - 1);
  }
  await settled(uri, "a.ctx", HEAD);
  await put(0, 0, typed);
  await settled(uri, "a.ctx", text);
  expect(text).toBe(HEAD + typed);

  const hover = (await editor.at("hover", uri, { line: 2, character: 8 })) as Hover;
  expect(hover.contents.value).toContain("| s64k | 64Ki | 22,443,169 | none |");
  const range = { start: { line: 0, character: 0 }, end: { line: 4, character: 0 } };
  const hints = (await editor.ask("textDocument/inlayHint", { textDocument: { uri }, range })) as InlayHint[];
  expect(hints.map(({ label }) => label)).toEqual(expect.arrayContaining(["= 22,443,169", "= 52,428,800 tokens"]));

  // A mistake, its fix, and back.
  const place = { start: { line: 3, character: 28 }, end: { line: 3, character: 33 } };
  await editor.change(uri, [{ range: place, text: "stesp" }]);
  const found = await editor.diagnostics(uri, (list) => codes(list).includes("CTX2001"));
  const actions = (await editor.ask("textDocument/codeAction", {
    textDocument: { uri },
    range: place,
    context: { diagnostics: found },
  })) as { title: string; edit: WorkspaceEdit }[];
  const [fix] = actions.filter(({ title }) => title === "steps instead of stesp");
  // Some editors ask about the cursor, and send along what is found on its line.
  const atCursor = await editor.ask("textDocument/codeAction", {
    textDocument: { uri },
    range: { start: { line: 3, character: 1 }, end: { line: 3, character: 1 } },
    context: { diagnostics: found },
  });
  expect(atCursor).toContainEqual(fix);
  await editor.change(
    uri,
    fix!.edit.changes[uri]!.map(({ range, newText }) => ({ range, text: newText })),
  );
  await settled(uri, "a.ctx", text);

  const renamed = (await editor.at("rename", uri, { line: 1, character: 15 }, { newName: "novels" })) as WorkspaceEdit;
  expect(applied(text, renamed.changes[uri]!)).toBe(text.replace("source books", "source novels"));
  await expect(editor.at("rename", uri, { line: 1, character: 0 }, { newName: "novels" })).rejects.toThrow(
    "data is a word of the language",
  );

  const edits = (await editor.ask("textDocument/formatting", {
    textDocument: { uri },
    options: { tabSize: 2, insertSpaces: true },
  })) as TextEdit[];
  expect(applied(text, edits)).toBe(format(text));

  await editor.close(uri);
  expect(await editor.end()).toEqual({ status: 0, stderr: "" });
});

test("an imported file counts as it is in the editor, then as it is on the disk, then not at all", async () => {
  await editor.start(pathToFileURL(folder).href, {
    workspace: { didChangeWatchedFiles: { dynamicRegistration: true } },
  });
  const [main, base] = [uriOf("main.ctx"), uriOf("base.ctx")];
  writeFileSync(join(folder, "base.ctx"), HEAD);
  await editor.open(main, 'import "base.ctx"\nstage a { length = 32Ki  steps = many }\n');
  expect(codes(await editor.diagnostics(main))).toEqual(["CTX2007"]);
  await editor.open(base, `${HEAD}let many = 50\n`);
  await editor.diagnostics(main, (list) => list.length === 0);
  const [definition] = (await editor.at("definition", main, { line: 1, character: 34 })) as Location[];
  expect(definition).toEqual({
    uri: base,
    range: { start: { line: 3, character: 4 }, end: { line: 3, character: 8 } },
  });
  // A name is renamed from the file that is imported, in the one that imports it.
  const edit = (await editor.at("rename", base, { line: 3, character: 5 }, { newName: "few" })) as WorkspaceEdit;
  expect(Object.keys(edit.changes).sort()).toEqual([base, main]);

  await editor.close(base);
  expect(codes(await editor.diagnostics(main, (list) => list.length > 0))).toEqual(["CTX2007"]);
  writeFileSync(join(folder, "base.ctx"), `${HEAD}param many = 50\n`);
  await editor.tell("workspace/didChangeWatchedFiles", { changes: [{ uri: base, type: 2 }] });
  await editor.diagnostics(main, (list) => list.length === 0);
  unlinkSync(join(folder, "base.ctx"));
  await editor.tell("workspace/didChangeWatchedFiles", { changes: [{ uri: base, type: 3 }] });
  expect(codes(await editor.diagnostics(main, (list) => list.length > 0))).toContain("CTX2301");
  expect(await editor.end()).toEqual({ status: 0, stderr: "" });
});

test("where an editor watches no files, the server does", async () => {
  await editor.start(pathToFileURL(folder).href);
  const main = uriOf("main.ctx");
  writeFileSync(join(folder, "base.ctx"), HEAD);
  await editor.open(main, 'import "base.ctx"\nstage a { length = 32Ki  steps = many }\n');
  expect(codes(await editor.diagnostics(main))).toEqual(["CTX2007"]);
  writeFileSync(join(folder, "base.ctx"), `${HEAD}let many = 50\n`);
  await editor.diagnostics(main, (list) => list.length === 0);
  expect(await editor.end()).toEqual({ status: 0, stderr: "" });
});

test("imports in a circle are told once in each file, and a change of either is seen in both", async () => {
  await editor.start(pathToFileURL(folder).href);
  const [a, b] = [uriOf("a.ctx"), uriOf("b.ctx")];
  await editor.open(a, `import "b.ctx"\n${HEAD}stage s { length = 32Ki  steps = 50 }\n`);
  await editor.open(b, 'import "a.ctx"\n');
  expect(codes(await editor.diagnostics(a, (list) => list.some(({ code }) => code === "CTX2302")))).toEqual([
    "CTX2302",
  ]);
  expect(codes(await editor.diagnostics(b, (list) => list.some(({ code }) => code === "CTX2302")))).toEqual([
    "CTX2302",
  ]);
  await editor.change(b, [
    { range: { start: { line: 0, character: 0 }, end: { line: 1, character: 0 } }, text: "let n = 1\n" },
  ]);
  await editor.diagnostics(a, (list) => list.length === 0);
  expect(await editor.end()).toEqual({ status: 0, stderr: "" });
});

test("questions that are taken back, or that a change overtakes, are not answered", async () => {
  await editor.start(pathToFileURL(folder).href);
  const uri = uriOf("a.ctx");
  // Costly, so that the pause before an analysis is longer than what lies between two messages.
  const stages = Array.from({ length: 300 }, (_, k) => `stage s${k} { length = 32Ki  steps = ${k + 1} }\n`);
  await editor.open(uri, HEAD + stages.join(""));
  await editor.diagnostics(uri);
  const range = { start: { line: 0, character: 0 }, end: { line: 4, character: 0 } };
  const at = { line: 0, character: 0 };
  // Sent in one go: the change comes before the analysis that the hints wait for.
  editor.change(uri, [{ range: { start: at, end: at }, text: "# a\n" }]);
  const hints = editor.ask("textDocument/inlayHint", { textDocument: { uri }, range });
  editor.change(uri, [{ range: { start: at, end: at }, text: "# b\n" }]);
  await expect(hints).rejects.toMatchObject({ code: -32801 });
  const source = new CancellationTokenSource();
  const taken = editor.connection.sendRequest("textDocument/inlayHint", { textDocument: { uri }, range }, source.token);
  source.cancel();
  await expect(taken).rejects.toMatchObject({ code: -32800 });
  // Of a document that is not open nothing is known.
  expect(await editor.at("hover", uriOf("none.ctx"), at)).toBeNull();
  await expect(editor.ask("textDocument/unknown", {})).rejects.toMatchObject({ code: -32601 });
  expect(await editor.end()).toEqual({ status: 0, stderr: "" });
});

test("columns count UTF-16, whatever the line endings, and a byte order mark that the editor sends", async () => {
  await editor.start(pathToFileURL(folder).href);
  const uri = "untitled:Untitled-1";
  const text =
    '\uFEFFmodel { frm = "𝕏" }\r\n# 𝕏𝕏\r\ndata { source a { files = "𝕏.txt"  txet = "b" } }\rstage s { length = 32Ki  stesp = 3 }\n';
  await editor.open(uri, text);
  const found = await editor.diagnostics(uri);
  const lines = text.split(/\r\n|\r|\n/);
  for (const name of ["frm", "txet", "stesp"]) {
    const line = lines.findIndex((each) => each.includes(name));
    const character = lines[line]!.indexOf(name);
    const range = { start: { line, character }, end: { line, character: character + name.length } };
    expect(found).toContainEqual(expect.objectContaining({ code: "CTX2001", range }));
  }
  // An edit behind an astral character lands where the editor means it.
  const from = lines[2]!.indexOf("txet");
  await editor.change(uri, [
    { range: { start: { line: 2, character: from }, end: { line: 2, character: from + 4 } }, text: "text" },
  ]);
  await editor.diagnostics(uri, (list) => !list.some(({ message }) => message.includes("txet")));
  expect(await editor.end()).toEqual({ status: 0, stderr: "" });
});

test("what is too long to be a recipe is left alone, until it is shorter", async () => {
  await editor.start(pathToFileURL(folder).href);
  const warned = new Promise((resolve) => editor.connection.onNotification("window/showMessage", resolve));
  const uri = uriOf("huge.ctx");
  await editor.open(uri, `${HEAD}# ${"x".repeat(5_000_000)}\n`);
  expect(await editor.diagnostics(uri)).toEqual([]);
  expect(await warned).toMatchObject({ type: 2 });
  await editor.at("hover", uri, { line: 0, character: 1 });
  await editor.change(uri, [{ range: { start: { line: 3, character: 0 }, end: { line: 4, character: 0 } }, text: "" }]);
  await settled(uri, "huge.ctx", HEAD);
  expect(await editor.end()).toEqual({ status: 0, stderr: "" });
});

test("a line of a megabyte is answered for, and the server goes on", async () => {
  await editor.start(pathToFileURL(folder).href);
  const uri = uriOf("long.ctx");
  const long = `${HEAD}let x = ${"1 + ".repeat(250_000)}1\nstage s { length = 32Ki  steps = 50 }\n`;
  await editor.open(uri, long);
  await editor.diagnostics(uri);
  const at = { line: 4, character: 0 };
  await editor.change(uri, [{ range: { start: at, end: at }, text: "z" }]);
  await editor.at("completion", uri, { line: 4, character: 1 });
  await editor.at("hover", uri, { line: 3, character: 900_000 });
  await editor.change(uri, [{ range: { start: { line: 3, character: 0 }, end: { line: 4, character: 1 } }, text: "" }]);
  const text = `${HEAD}stage s { length = 32Ki  steps = 50 }\n`;
  await settled(uri, "long.ctx", text);
  expect(await editor.end()).toEqual({ status: 0, stderr: "" });
});

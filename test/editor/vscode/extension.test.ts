/** The extension in a made-up editor: what it starts, shows and says. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { activate, deactivate } from "../../../editor/vscode/extension.ts";
import { editor, type FakeDocument, fakePanel, resetEditor, Task, Uri } from "./fake_vscode.ts";

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

const client = vi.hoisted(() => ({
  started: [] as { module?: string; command?: string; args?: string[] }[],
  fails: "",
  disposed: 0,
}));

vi.mock("vscode-languageclient/node", () => ({
  TransportKind: { stdio: 0 },
  LanguageClient: class {
    constructor(_id: string, _name: string, server: { module?: string; command?: string; args?: string[] }) {
      client.started.push(server);
    }
    async start() {
      if (client.fails) throw new Error(client.fails);
    }
    async dispose() {
      client.disposed++;
    }
  },
}));

const RECIPE = `recipe books
model { from = "meta-llama/Meta-Llama-3-8B" }
data { source books { files = "books/*.jsonl" } }
rope { theta = critical_base(length) }
param steps = 30
stage s64k { length = 64Ki  steps = steps  batch = 32 }
`;

let folder: string;

beforeEach(() => {
  resetEditor();
  Object.assign(client, { started: [], fails: "", disposed: 0 });
  folder = mkdtempSync(join(tmpdir(), "ctx-vscode-"));
  mkdirSync(join(folder, "books"));
  writeFileSync(join(folder, "books", "a.jsonl"), `${JSON.stringify({ text: "word ".repeat(300_000) })}\n`);
});

afterEach(async () => {
  await deactivate();
  rmSync(folder, { recursive: true, force: true });
});

/** A recipe in the active editor. */
function open(text = RECIPE, name = "books.ctx"): FakeDocument {
  const uri = Uri.file(join(folder, name));
  writeFileSync(uri.fsPath, text);
  const document: FakeDocument = {
    ...{ uri, languageId: "ctx", isDirty: false, isUntitled: false },
    async save() {
      document.isDirty = false;
      return true;
    },
  };
  editor.active = document;
  editor.folder = folder;
  return document;
}

/** The extension as VS Code starts it; `ctx` is the built one unless a test says otherwise. */
function start(path = join(root, "dist/cli/ctx.js")): void {
  editor.settings["ctx.path"] ??= path;
  activate({ subscriptions: [], extensionUri: Uri.file(join(root, "dist/vscode")) } as never);
}

const run = (command: string, ...words: unknown[]) => editor.commands.get(command)!(...words);
const settled = (condition: () => unknown) =>
  vi.waitFor(() => expect(condition()).toBeTruthy(), { timeout: 120_000, interval: 20 });
const latest = () => editor.panels[0]!.webview.posted.at(-1)?.html ?? "";

test("every command of the manifest exists, and no other", () => {
  const { commands, menus } = JSON.parse(readFileSync(join(root, "editor/vscode/package.json"), "utf8")).contributes;
  start();
  const declared = commands.map(({ command }: { command: string }) => command).sort();
  expect([...editor.commands.keys()].sort()).toEqual(declared);
  const inMenus = Object.values(menus as Record<string, { command: string }[]>).flat();
  for (const { command } of inMenus) expect(declared).toContain(command);
});

test("without a setting the server of the extension is started", async () => {
  start("");
  await settled(() => client.started.length === 1);
  expect(client.started[0]).toMatchObject({ module: join(root, "dist/vscode/program.mjs"), args: ["lsp"] });
  expect(editor.messages).toEqual([]);
});

test("with ctx.path it is that program's, and a change of it restarts the server", async () => {
  start();
  await settled(() => client.started.length === 1);
  expect(client.started[0]).toMatchObject({ command: "node", args: [join(root, "dist/cli/ctx.js"), "lsp", "--stdio"] });
  editor.settings["ctx.path"] = "";
  for (const handler of editor.onConfiguration)
    handler({ affectsConfiguration: (name: string) => name === "ctx.path" } as never);
  await settled(() => client.started.length === 2);
  expect(client.disposed).toBe(1);
});

test("an untrusted folder has no say in what is started", async () => {
  open();
  editor.trusted = false;
  start("/bin/false");
  await settled(() => client.started.length === 1);
  expect(client.started[0]!.module).toBe(join(root, "dist/vscode/program.mjs"));
  await run("ctx.check");
  expect(editor.tasks[0]!.execution!.args[0]).toBe(join(root, "dist/vscode/program.mjs"));
  expect(
    editor.taskProviders
      .get("ctx")!
      .provideTasks()
      .map((task) => task.name),
  ).toEqual(["check books.ctx", "plan books.ctx"]);
});

test("a server that does not start is told, with what to do about it", async () => {
  client.fails = "spawn ENOENT";
  editor.press = "Set ctx.path";
  start("");
  await settled(() => editor.executed.length === 1);
  expect(editor.messages[0]).toMatchObject({ kind: "error", buttons: ["Show Log", "Set ctx.path"] });
  expect(editor.messages[0]!.text).toContain("did not start, so nothing is checked while you write: spawn ENOENT");
  expect(editor.log[0]).toContain("spawn ENOENT");
  expect(editor.executed[0]).toEqual(["workbench.action.openSettings", "ctx.path"]);
  client.fails = "";
  await run("ctx.restartServer");
  expect(client.started.length).toBe(2);
});

test("ctx.path that leads nowhere is told by name", async () => {
  start("nowhere/ctx");
  await settled(() => editor.messages.length > 0);
  expect(editor.messages[0]!.text).toContain("ctx.path is nowhere/ctx, but");
  open();
  await run("ctx.check");
  expect(editor.messages[1]!.text).toContain("does not exist");
  expect(editor.tasks).toEqual([]);
});

test("checking saves the recipe and starts a task whose problems are listed", async () => {
  const document = open();
  document.isDirty = true;
  start();
  await run("ctx.check");
  expect(document.isDirty).toBe(false);
  const [task] = editor.tasks;
  expect(task!.execution).toMatchObject({
    ...{ process: "node", args: [join(root, "dist/cli/ctx.js"), "check", "--", "books.ctx"] },
    options: { cwd: folder },
  });
  expect(task!.problemMatchers).toEqual(["$ctx"]);
  expect(task!.definition).toEqual({ type: "ctx", command: "check", file: "books.ctx" });
});

test("a command with no recipe in sight says what it needs", async () => {
  start();
  await run("ctx.plan");
  expect(editor.messages[0]!.text).toContain("Open a recipe");
  expect(editor.panels).toEqual([]);
});

test("a new file that gets no name is left alone", async () => {
  const document = open();
  document.isUntitled = true;
  start();
  await run("ctx.run");
  expect(editor.tasks).toEqual([]);
});

test("running takes an engine: where there is none, that is said", async () => {
  open();
  editor.settings["ctx.path"] = "";
  vi.stubEnv("PATH", "/nowhere");
  start();
  await run("ctx.run");
  vi.unstubAllEnvs();
  expect(editor.messages.at(-1)!.text).toContain("running a recipe takes ctx with its engine");
  expect(editor.tasks).toEqual([]);
});

test("the workspace's own ctx comes before the PATH's, and that before the extension's", async () => {
  open();
  editor.settings["ctx.path"] = "";
  const bin = join(folder, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "ctx"), "#!/bin/sh\n", { mode: 0o755 });
  vi.stubEnv("PATH", bin);
  start();
  await run("ctx.run");
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules", "ctx-recipe"));
  await run("ctx.run");
  vi.unstubAllEnvs();
  const started = editor.tasks.map(({ execution }) => [execution!.process, ...execution!.args]);
  expect(started).toEqual([
    [join(bin, "ctx"), "run", "--", "books.ctx"],
    ["node", join(folder, "node_modules/ctx-recipe/dist/cli/ctx.js"), "run", "--", "books.ctx"],
  ]);
});

test("tasks of tasks.json are carried out as they are written", () => {
  open();
  start();
  const provider = editor.taskProviders.get("ctx")!;
  const scope = { uri: Uri.file(folder), name: "folder", index: 0 };
  const definition = { type: "ctx", command: "check", file: "books.ctx", args: ["--set", "steps=2"] };
  expect(provider.resolveTask(new Task(definition, scope, "", ""))!.execution!.args.slice(1)).toEqual([
    ...["check", "--set", "steps=2", "--", "books.ctx"],
  ]);
  expect(provider.resolveTask(new Task({ ...definition, command: "rm" }, scope, "", ""))).toBeUndefined();
});

test("the plan is drawn beside the recipe, follows it, and leads back to it", async () => {
  const document = open();
  editor.settings["ctx.plan.set"] = { steps: 77 };
  start();
  await run("ctx.plan");
  const [panel] = editor.panels;
  expect(panel!.title).toBe("Plan of books.ctx");
  await settled(() => latest().includes("<h1>books</h1>"));
  expect(latest()).toContain('data-name="steps">77<');
  // A page that has lost its contents asks for them.
  panel!.webview.say({ type: "ready" });
  expect(panel!.webview.posted.length).toBe(2);
  panel!.webview.say({ type: "place", file: "books.ctx", line: 5, character: 6 });
  expect(editor.shown).toEqual([{ file: document.uri.fsPath, line: 5, character: 6 }]);
  // A mistake shows what is wrong, as plain text that leads to its place, and the plan before it.
  vi.stubEnv("FORCE_COLOR", "1");
  writeFileSync(document.uri.fsPath, RECIPE.replace("64Ki", "64Kj"));
  for (const handler of editor.onSave) handler({ languageId: "ctx" } as never);
  await settled(() => latest().includes('role="alert"'));
  vi.unstubAllEnvs();
  expect(latest()).toContain("<pre>error CTX");
  expect(latest()).not.toContain("\x1b");
  expect(latest()).toMatch(
    /class="place" data-file="books\.ctx" data-line="\d+" data-character="\d+">books\.ctx:\d+:\d+</,
  );
  expect(latest()).toContain('<div class="old"><article class="ctx-plan">');
  writeFileSync(document.uri.fsPath, RECIPE.replace("s64k", "mended"));
  for (const handler of editor.onSave) handler({ languageId: "ctx" } as never);
  await settled(() => latest().includes("mended"));
  expect(latest()).not.toContain("alert");
  // Asked for again, the same panel is shown.
  await run("ctx.plan");
  expect(editor.panels.length).toBe(1);
  panel!.dispose();
  await run("ctx.plan");
  expect(editor.panels.length).toBe(2);
});

test("the panel's page lets nothing in", async () => {
  open();
  start();
  await run("ctx.plan");
  const { html, options } = editor.panels[0]!.webview;
  const policy = /Content-Security-Policy" content="([^"]*)"/.exec(html)![1]!;
  const nonce = /nonce-([0-9a-f]{32})/.exec(policy)![1]!;
  expect(policy).toBe(
    `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'`,
  );
  expect([...html.matchAll(/<(?:script|style)[^>]*>/g)].every(([tag]) => tag.includes(`nonce="${nonce}"`))).toBe(true);
  expect(html.replace(/src="file:[^"]*panel\.js"/, "")).not.toMatch(/https?:|url\(|src=/);
  expect(options).toMatchObject({ enableScripts: true, localResourceRoots: [{ path: join(root, "dist/vscode") }] });
  await run("ctx.plan", Uri.file(join(folder, "books.ctx")));
  expect(editor.panels.length).toBe(1);
});

test("panels come back with the window", async () => {
  const document = open();
  start();
  const panel = fakePanel("ctx.plan", "");
  await editor.serializer!.deserializeWebviewPanel(panel, { recipe: document.uri.toString() });
  await settled(() => panel.webview.posted.at(-1)?.html.includes("<h1>books</h1>"));
  const unknown = fakePanel("ctx.plan", "");
  await editor.serializer!.deserializeWebviewPanel(unknown, null);
  expect(unknown.disposed).toBe(true);
});

test("a program that is no ctx is told", async () => {
  open();
  start("/bin/echo");
  await run("ctx.plan");
  await settled(() => latest().includes("this is no plan"));
});

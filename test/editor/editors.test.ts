// The configurations in docs/editor.md, in those of the editors that are installed.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "ctx-editors-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const installed = (command: string, ...words: string[]) => spawnSync(command, words, { stdio: "ignore" }).status === 0;
const page = readFileSync("docs/editor.md", "utf8");
const configuration = (language: string) => new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "m").exec(page)![1]!;

const RECIPE = `model { from = "meta-llama/Meta-Llama-3-8B" }
data { source books { files = "books/*.txt" } }
rope { theta = critical_base(length) }
stage s64k { length = 64Ki  stesp = 50  batch = 16 }
`;

/** What both editors are made to say. */
const said = [
  /diagnostic .*stage has no property stesp/,
  /hover .*theta.*number, by formula/,
  /renamed data \{ source novels \{ files/,
  /formatted data {7}\{ source novels/,
];

beforeAll(() => {
  mkdirSync(join(folder, "bin"));
  const shim = join(folder, "bin", "ctx");
  writeFileSync(shim, `#!/bin/sh\nexec "${process.execPath}" "${resolve("dist/cli/ctx.js")}" "$@"\n`);
  chmodSync(shim, 0o755);
  writeFileSync(join(folder, "a.ctx"), RECIPE);
});

function run(command: string, words: readonly string[]): string {
  const env = {
    ...process.env,
    HOME: folder,
    XDG_CACHE_HOME: folder,
    PATH: join(folder, "bin") + delimiter + process.env.PATH,
  };
  const { stdout, stderr } = spawnSync(command, words, { cwd: folder, env, encoding: "utf8", timeout: 240_000 });
  return stdout + stderr;
}

test.runIf(installed("nvim", "--version"))("Neovim", { timeout: 240_000 }, () => {
  writeFileSync(join(folder, "init.lua"), configuration("lua"));
  writeFileSync(
    join(folder, "probe.lua"),
    `vim.wait(30000, function() return #vim.diagnostic.get(0) > 0 end, 50)
for _, found in ipairs(vim.diagnostic.get(0)) do print("diagnostic", found.message) end
local params = { textDocument = { uri = vim.uri_from_bufnr(0) }, position = { line = 2, character = 8 } }
for _, answer in pairs(vim.lsp.buf_request_sync(0, "textDocument/hover", params, 30000)) do
  print("hover", (answer.result.contents.value:gsub("\\n", " ")))
end
vim.api.nvim_win_set_cursor(0, { 2, 15 })
vim.lsp.buf.rename("novels")
vim.wait(30000, function() return vim.fn.getline(2):find("novels") ~= nil end, 50)
print("renamed", vim.fn.getline(2))
local format = vim.lsp.buf.format or function() vim.lsp.buf.formatting_sync({}, 30000) end
format({ timeout_ms = 30000 })
print("formatted", vim.fn.getline(2))
vim.cmd("qa!")
`,
  );
  const text = run("nvim", ["--headless", "-u", "init.lua", "a.ctx", "-c", "luafile probe.lua"]);
  for (const each of said) expect(text).toMatch(each);
});

const eglot = ["-q", "--batch", "--eval", "(require 'eglot)"];

test.runIf(installed("emacs", ...eglot))("Emacs", { timeout: 240_000 }, () => {
  writeFileSync(
    join(folder, "init.el"),
    `${configuration("elisp")}
(setq eglot-sync-connect 60 eglot-connect-timeout 60)
(find-file "a.ctx")
(unless (eglot-current-server) (call-interactively 'eglot))
(let ((n 0))
  (while (and (< n 300) (null (flymake-diagnostics)))
    (accept-process-output nil 0.1) (sit-for 0.01) (setq n (1+ n))))
(dolist (found (flymake-diagnostics)) (princ (format "diagnostic %s\\n" (flymake-diagnostic-text found))))
(goto-char (point-min)) (search-forward "theta")
(let ((answer (jsonrpc-request (eglot-current-server) :textDocument/hover (eglot--TextDocumentPositionParams))))
  (princ (format "hover %s\\n" (plist-get (plist-get answer :contents) :value))))
(goto-char (point-min)) (search-forward "books")
(eglot-rename "novels")
(defun line () (buffer-substring (line-beginning-position) (line-end-position)))
(princ (format "renamed %s\\n" (line)))
(eglot-format-buffer)
(princ (format "formatted %s\\n" (line)))
(set-buffer-modified-p nil)
(eglot-shutdown (eglot-current-server))
`,
  );
  const text = run("emacs", ["-q", "--batch", "-l", "init.el"]);
  for (const each of said) expect(text).toMatch(each);
});

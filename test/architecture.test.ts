import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** From left to right; a room may import from itself and from rooms to its left. The editor is a way of its own: it ends in the command line. */
const ROOMS = ["grammar", "compiler", "runtime", "editor", "cli"];

/** Rooms to its left that a room has nothing to do with. */
const APART: { readonly [room: string]: readonly string[] } = { editor: ["runtime"] };

/** Rooms whose code must run in a browser. */
const PORTABLE = ["grammar", "compiler", "editor/service", "editor/panel"];

/** Programs that live beside the code they are about, and run in Node. */
const PROGRAMS = /^grammar\/generate\b/;

function sources(room: string): string[] {
  if (!existsSync(join(root, room))) return [];
  return readdirSync(join(root, room), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(room, name).split(sep).join("/"));
}

/** What a file imports, type imports and dynamic ones included. */
function imports(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  const found = [
    ...text.matchAll(/^\s*(?:import|export)\b[^;]*?\bfrom\s+"([^"]+)"/gm),
    ...text.matchAll(/^\s*import\s+"([^"]+)"/gm),
    ...text.matchAll(/\bimport\(\s*"([^"]+)"/g),
  ];
  return found.map((match) => match[1]!);
}

/** Room of an imported file; null for packages. */
function roomOf(file: string, target: string): string | null {
  if (!target.startsWith(".")) return null;
  return relative(root, join(root, dirname(file), target)).split(sep)[0]!;
}

test("there is something to look at", () => {
  expect(imports("runtime/report/write.ts")).toContain("./page.ts");
  expect(sources("runtime").length).toBeGreaterThan(20);
});

test.each(ROOMS)("%s imports only from itself and from its left", (room) => {
  const allowed = ROOMS.slice(0, ROOMS.indexOf(room) + 1).filter((other) => !APART[room]?.includes(other));
  const wrong = sources(room).flatMap((file) =>
    imports(file)
      .map((target) => ({ target, to: roomOf(file, target) }))
      .filter(({ to }) => to !== null && !allowed.includes(to))
      .map(({ target }) => `${file} imports ${target}`),
  );
  expect(wrong).toEqual([]);
});

test.each(PORTABLE)("%s runs in a browser: no Node modules, no process, no Buffer", (room) => {
  const wrong = sources(room)
    .filter((file) => !PROGRAMS.test(file))
    .flatMap((file) => {
      const text = readFileSync(join(root, file), "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
      const nodeImports = imports(file).filter((target) => /^(node:|vscode-)/.test(target));
      const globals = text.match(/\b(?:process|Buffer)(?=\.)|\b__dirname\b|\brequire(?=\(["'])/g) ?? [];
      return [...nodeImports, ...globals].map((what) => `${file} uses ${what}`);
    });
  expect(wrong).toEqual([]);
});

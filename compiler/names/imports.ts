import type { FileNode, TextNode } from "../../grammar/ast.ts";
import { type Parsed, parse } from "../../grammar/index.ts";
import { SourceText } from "../../grammar/text.ts";
import type { Place } from "../diagnostics/diagnostic.ts";
import type { Report } from "../diagnostics/report.ts";
import { closest } from "../diagnostics/suggest.ts";
import { reportSyntax } from "../diagnostics/syntax.ts";
import type { Host } from "../host.ts";
import { folderOf, joinPath } from "../path.ts";
import type { SourceFile } from "./scope.ts";

/** The recipe and everything it imports: a file comes before those that it imports, so that the first word counts. */
export interface Sources {
  readonly files: readonly SourceFile[];
  readonly texts: ReadonlyMap<string, SourceText>;
}

/** Parses a recipe and, file by file, what it imports; syntax mistakes of all of them are reported. */
export function readSources(
  text: string,
  name: string,
  host: Host,
  report: Report,
  read: (text: string) => Parsed = parse,
): Sources {
  const files: SourceFile[] = [];
  const texts = new Map<string, SourceText>();
  const add = (content: string, file: string, chain: readonly string[]) => {
    const foreign = isForeign(content);
    const parsed = read(foreign ? "" : content);
    const source = foreign ? new SourceText(content) : parsed.text;
    if (foreign) reportForeign(content, file, report);
    reportSyntax(parsed.problems, file, report);
    files.push({ name: file, tree: parsed.file });
    texts.set(file, source);
    importsOf(parsed.file, file, chain);
  };
  const importsOf = (tree: FileNode, file: string, chain: readonly string[]) => {
    for (const node of tree.body) {
      if (node.kind !== "import" || !node.path) continue;
      const at = { file, start: node.path.start, end: node.path.end };
      const path = joinPath(folderOf(file), node.path.value);
      if (chain.includes(path)) {
        report.add("CTX2302", at, { path: node.path.value, chain: [...chain, path].join(" → ") });
        continue;
      }
      if (texts.has(path)) continue;
      const content = host.readText(path);
      if (content === undefined) {
        reportMissing(node.path, at, path, host, report);
      } else add(content, path, [...chain, path]);
    }
  };
  add(text, name, [name]);
  return { files, texts };
}

/** An import that can't be read: another file of its folder may be meant. */
function reportMissing(node: TextNode, at: Place, path: string, host: Host, report: Report): void {
  const folder = folderOf(path);
  const others = host.list("*.ctx", folder) ?? [];
  const names = others.map((other) => other.slice(other.lastIndexOf("/") + 1));
  const base = node.value.slice(node.value.lastIndexOf("/") + 1);
  const meant = closest(base, names);
  if (meant === undefined) {
    report.add("CTX2301", at, { path: node.value, hint: `there is no ${path}, or it can't be read` });
    return;
  }
  const text = node.value.slice(0, node.value.length - base.length) + meant;
  const fix = { title: `"${text}"`, safety: "safe" as const, edits: [{ ...at, text: JSON.stringify(text) }] };
  report.add("CTX2301", at, { path: node.value, hint: `did you mean ${text}?` }, { fixes: [fix] });
}

/** True for a text that begins as a JSON object or list does, and as no recipe can. */
export function isJson(text: string): boolean {
  return /^\uFEFF?\s*(?:\{\s*(?:"|\}\s*$)|\[\s*(?:["{[\]\d-]|true|false|null))/.test(text);
}

/**
 * True for a text whose statements are YAML's: most lines are `key: value`, `key:` or `- item`, at least three, and none has
 * `=` or a brace at its end, as every recipe has.
 */
export function isYaml(text: string): boolean {
  const lines = text
    .replace(/^\uFEFF/, "")
    .split(/\r\n|\n|\r/)
    .map((line) => line.replace(/(^|\s)#.*$/, "").trimEnd())
    .filter((line) => line.trim() !== "" && line !== "---");
  const yaml = lines.filter((line) => /^\s*(?:- \S|(?:- )?[\w.-]+:(?:\s|$))/.test(line));
  return yaml.length >= 3 && yaml.length * 2 > lines.length && !lines.some((line) => /=|[{}]\s*$/.test(line));
}

/** True for a file of another kind, of which there is nothing to say but that. */
export function isForeign(text: string): boolean {
  return isJson(text) || isYaml(text);
}

function reportForeign(text: string, file: string, report: Report): void {
  if (!isJson(text)) {
    const [key] = /^[ \t]*[\w.-]+:/m.exec(text)!;
    const end = text.indexOf(key) + key.length;
    const hint = "a recipe is written name = value and kind { … }";
    report.add("CTX2503", { file, start: end - key.trimStart().length, end }, { kind: "YAML", hint });
    return;
  }
  const start = text.search(/[{[]/);
  const plan = /"inv_freq"/.test(text);
  const hint = plan
    ? "this looks like a plan, which needs no check: ctx run carries it out"
    : "a recipe is written name = value and kind { … }";
  report.add("CTX2503", { file, start, end: start + 1 }, { kind: "JSON", hint });
}

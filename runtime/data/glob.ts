import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/**
 * File patterns: `*` and `?` within a name, `**` for any folders, `{a,b}` for alternatives, `[a-z]` for one character. As in a shell, `*`
 * does not match names that begin with a dot.
 */

/** Whether a path holds pattern characters. */
export function isPattern(path: string): boolean {
  return /[*?[{]/.test(path);
}

/** `a{b,c}d` → `abd`, `acd`; nested braces are expanded from the outside in. */
function expandBraces(pattern: string): string[] {
  const open = pattern.indexOf("{");
  if (open < 0) return [pattern];
  const choices: string[] = [];
  let depth = 0;
  let from = open + 1;
  for (let i = open; i < pattern.length; i++) {
    if (pattern[i] === "{") depth++;
    if (pattern[i] === "}") depth--;
    if ((pattern[i] === "," && depth === 1) || depth === 0) {
      choices.push(pattern.slice(from, i));
      from = i + 1;
    }
    if (depth === 0)
      return choices.flatMap((choice) => expandBraces(pattern.slice(0, open) + choice + pattern.slice(i + 1)));
  }
  return [pattern];
}

/** Text that stands for itself in a regular expression, inside and outside a class. */
const literal = (text: string) => text.replace(/[^\p{L}\p{N}]/gu, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`);

/** `a-z_` of `[a-z_]` as a regular expression's class; null where a range runs backwards. */
function characterClass(members: string): string | null {
  const negated = /^[!^]/.test(members);
  let source = "";
  for (const [whole, low, high] of members.slice(negated ? 1 : 0).matchAll(/(.)-(.)|./gsu)) {
    if (low === undefined || high === undefined) source += literal(whole);
    else if (low.codePointAt(0)! > high.codePointAt(0)!) return null;
    else source += `${literal(low)}-${literal(high)}`;
  }
  return source === "" ? null : `[${negated ? "^" : ""}${source}]`;
}

/** One name of a pattern as a regular expression. What is no pattern stands for itself. */
function nameMatcher(pattern: string): RegExp {
  let source = "";
  for (const [part, members] of pattern.matchAll(/\*+|\?|\[([!^]?[^\]]+)\]|./gsu)) {
    const oneOf = members === undefined ? null : characterClass(members);
    source += part.startsWith("*") ? ".*" : part === "?" ? "." : (oneOf ?? literal(part));
  }
  return new RegExp(`^${pattern.startsWith(".") ? "" : "(?!\\.)"}${source}$`, "su");
}

async function entries(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch(() => []);
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (s) => s.isDirectory(),
    () => false,
  );
}

async function walk(folder: string, parts: string[], found: Set<string>): Promise<void> {
  const [part, ...rest] = parts;
  if (part === undefined) return;
  if (part === "**") {
    await walk(folder, rest, found);
    // Links are not followed here, so that a link to a parent can't make this endless.
    for (const entry of await entries(folder))
      if (entry.isDirectory() && !entry.name.startsWith(".")) await walk(join(folder, entry.name), parts, found);
    return;
  }
  const names = isPattern(part)
    ? (await entries(folder)).map((e) => e.name).filter((n) => nameMatcher(part).test(n))
    : [part];
  for (const name of names) {
    const path = join(folder, name);
    if (rest.length > 0) {
      if (await isFolder(path)) await walk(path, rest, found);
    } else if (
      await stat(path).then(
        (s) => s.isFile(),
        () => false,
      )
    )
      found.add(path);
  }
}

/** Files under `folder` that match, in ascending order of their paths' UTF-16 units (the same on every machine). */
export async function glob(folder: string, pattern: string): Promise<string[]> {
  const found = new Set<string>();
  for (const plain of expandBraces(pattern))
    await walk(
      folder,
      plain.split("/").filter((p) => p !== "" && p !== "."),
      found,
    );
  return [...found].sort();
}

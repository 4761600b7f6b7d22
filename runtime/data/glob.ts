import { type Dirent, readdirSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "./data_error.ts";

/**
 * File patterns: `*` and `?` within a name, `**` for any folders, `{a,b}` for alternatives, `[a-z]` for one character. As in a shell, `*`
 * does not match names that begin with a dot.
 */

/** Names that are looked at before a pattern is given up as too broad. */
const MOST = 1_000_000;

/** Whether a path holds pattern characters. */
function isPattern(path: string): boolean {
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

/** What a folder holds; nothing where it is none or can't be read. */
function entries(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function facts(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

/** A search that looks at no more than MOST names. */
class Search {
  readonly found = new Set<string>();
  #looked = 0;

  walk(folder: string, parts: string[]): void {
    const [part, ...rest] = parts;
    if (part === undefined) return;
    if (part === "**") {
      this.walk(folder, rest);
      // Links are not followed here, so that a link to a parent can't make this endless.
      for (const entry of this.#entries(folder))
        if (entry.isDirectory() && !entry.name.startsWith(".")) this.walk(join(folder, entry.name), parts);
      return;
    }
    const matcher = isPattern(part) ? nameMatcher(part) : null;
    const names = matcher ? this.#entries(folder).flatMap(({ name }) => (matcher.test(name) ? [name] : [])) : [part];
    for (const name of names) {
      const path = join(folder, name);
      const found = facts(path);
      if (rest.length > 0 && found?.isDirectory()) this.walk(path, rest);
      if (rest.length === 0 && found?.isFile()) this.found.add(path);
    }
  }

  #entries(folder: string): Dirent[] {
    const found = entries(folder);
    this.#looked += found.length;
    if (this.#looked > MOST)
      throw new DataError(`the pattern looks at more than ${MOST} files`, "name a narrower folder");
    return found;
  }
}

/**
 * Files under `folder` that match, in ascending order of their paths' UTF-16 units (the same on every machine).
 *
 * @throws DataError when the pattern looks at more than a million files
 */
export function glob(folder: string, pattern: string): string[] {
  const search = new Search();
  for (const plain of expandBraces(pattern)) {
    const parts = plain.split("/").filter((part) => part !== "" && part !== ".");
    search.walk(folder, parts);
  }
  return [...search.found].sort();
}

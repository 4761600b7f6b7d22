import { type Dirent, readdirSync } from "node:fs";
import { join } from "node:path";

/** Files below a folder that are looked at before a pattern is given up as too broad. */
const most = 1_000_000;

/**
 * Files that match `pattern` below `root`, as paths relative to `root` with `/`, sorted by code unit. `*` and `?` stay
 * within a name, `**` spans folders, `[…]` and `{a,b}` as in shells; names that begin with a dot match only a dot.
 *
 * @throws Error when the pattern would look at more than a million files
 */
export function glob(root: string, pattern: string): string[] {
  const parts = pattern.split("/").filter((part, k) => part !== "." && (part !== "" || k === 0));
  const found: string[] = [];
  let looked = 0;
  const visit = (folder: string, prefix: string, at: number): void => {
    const part = parts[at];
    if (part === undefined) return;
    const last = at === parts.length - 1;
    if (!isPattern(part) && !last) {
      visit(join(folder, part || "/"), `${prefix}${part}/`, at + 1);
      return;
    }
    if (part === "**") {
      visit(folder, prefix, at + 1);
      for (const entry of entries(folder)) {
        if (entry.isDirectory() && !entry.name.startsWith(".")) {
          visit(join(folder, entry.name), `${prefix}${entry.name}/`, at);
        }
      }
      return;
    }
    const matcher = matches(part);
    for (const entry of entries(folder)) {
      if (++looked > most) throw new Error(`${pattern} looks at more than ${most} files`);
      if (!matcher.test(entry.name)) continue;
      if (last && !entry.isDirectory()) found.push(prefix + entry.name);
      if (!last && !entry.isFile()) visit(join(folder, entry.name), `${prefix}${entry.name}/`, at + 1);
    }
  };
  visit(root, "", 0);
  return [...new Set(found)].sort();
}

function isPattern(part: string): boolean {
  return /[*?[{]/.test(part);
}

function entries(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** One part of a pattern as a regular expression over one name. */
function matches(part: string): RegExp {
  let source = part.startsWith(".") ? "" : "(?!\\.)";
  let group = 0;
  for (let k = 0; k < part.length; k++) {
    const character = part[k]!;
    const close = character === "[" ? part.indexOf("]", k + 2) : -1;
    if (character === "*") source += "[^/]*";
    else if (character === "?") source += "[^/]";
    else if (close > 0) {
      const set = part
        .slice(k + 1, close)
        .replace(/^!/, "^")
        .replaceAll("\\", "\\\\");
      source += `[${set}]`;
      k = close;
    } else if (character === "{" && part.indexOf("}", k) > 0) {
      source += "(?:";
      group++;
    } else if (character === "}" && group > 0) {
      source += ")";
      group--;
    } else if (character === "," && group > 0) source += "|";
    else source += character.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  }
  return new RegExp(`^${source}$`, "u");
}

import { type LineChange, lineChanges } from "../grammar/line_changes.ts";

/** Lines shown around a change. */
const context = 3;

/**
 * The difference between two texts as `diff -u` writes it, which `patch` and `git apply` read. Empty when there is none.
 *
 * @param name of the file, before and after
 */
export function unifiedDiff(name: string, before: string, after: string): string {
  if (before === after) return "";
  const changes = lineChanges(linesOf(before), linesOf(after));
  const hunks = hunksOf(changes).map((hunk) => hunkText(changes, hunk));
  return [`--- a/${name}`, `+++ b/${name}`, ...hunks].join("\n").concat("\n");
}

/** The lines with their endings; a last one without is told as `diff` does. */
function linesOf(text: string): string[] {
  const lines = text.split("\n");
  const last = lines.pop()!;
  return last === "" ? lines : [...lines, `${last}\n\\ No newline at end of file`];
}

/** Stretches of changes with the lines around; those that touch are one. */
function hunksOf(changes: readonly LineChange[]): { from: number; to: number }[] {
  const hunks: { from: number; to: number }[] = [];
  for (const [k, { kind }] of changes.entries()) {
    if (kind === " ") continue;
    const from = Math.max(0, k - context);
    const to = Math.min(changes.length, k + context + 1);
    const last = hunks.at(-1);
    if (last && from <= last.to) last.to = to;
    else hunks.push({ from, to });
  }
  return hunks;
}

function hunkText(changes: readonly LineChange[], { from, to }: { from: number; to: number }): string {
  const count = (part: readonly LineChange[], without: "-" | "+") => part.filter(({ kind }) => kind !== without).length;
  const [ahead, own] = [changes.slice(0, from), changes.slice(from, to)];
  const range = (without: "-" | "+") => {
    const lines = count(own, without);
    return `${count(ahead, without) + (lines > 0 ? 1 : 0)},${lines}`;
  };
  return [`@@ -${range("+")} +${range("-")} @@`, ...own.map(({ kind, line }) => kind + line)].join("\n");
}

/** Lines shown around a change. */
const context = 3;

type Change = { readonly kind: " " | "-" | "+"; readonly line: string };

/**
 * The difference between two texts as `diff -u` writes it, which `patch` and `git apply` read. Empty when there is none.
 *
 * @param name of the file, before and after
 */
export function unifiedDiff(name: string, before: string, after: string): string {
  if (before === after) return "";
  const changes = changesOf(linesOf(before), linesOf(after));
  const hunks = hunksOf(changes).map((hunk) => hunkText(changes, hunk));
  return [`--- a/${name}`, `+++ b/${name}`, ...hunks].join("\n").concat("\n");
}

/** The lines with their endings; a last one without is told as `diff` does. */
function linesOf(text: string): string[] {
  const lines = text.split("\n");
  const last = lines.pop()!;
  return last === "" ? lines : [...lines, `${last}\n\\ No newline at end of file`];
}

/** A shortest way from one list of lines to the other (longest common subsequence of what differs). */
function changesOf(before: readonly string[], after: readonly string[]): Change[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head++;
  let tail = 0;
  const most = Math.min(before.length, after.length) - head;
  while (tail < most && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  const [a, b] = [before.slice(head, before.length - tail), after.slice(head, after.length - tail)];
  const same = (lines: readonly string[]) => lines.map((line): Change => ({ kind: " ", line }));
  return [...same(before.slice(0, head)), ...middle(a, b), ...same(before.slice(before.length - tail))];
}

function middle(a: readonly string[], b: readonly string[]): Change[] {
  const width = b.length + 1;
  // Common lines of a[i…] and b[j…]. Recipes are short; where both sides are long, all of it is told as changed.
  const common = a.length * b.length <= 4_000_000 ? new Int32Array((a.length + 1) * width) : null;
  if (common)
    for (let i = a.length - 1; i >= 0; i--)
      for (let j = b.length - 1; j >= 0; j--)
        common[i * width + j] =
          a[i] === b[j]
            ? common[(i + 1) * width + j + 1]! + 1
            : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
  const changes: Change[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (common && i < a.length && j < b.length && a[i] === b[j]) {
      changes.push({ kind: " ", line: a[i]! });
      i++;
      j++;
    } else if (
      i < a.length &&
      (j >= b.length || !common || common[(i + 1) * width + j]! >= common[i * width + j + 1]!)
    ) {
      changes.push({ kind: "-", line: a[i++]! });
    } else changes.push({ kind: "+", line: b[j++]! });
  }
  return changes;
}

/** Stretches of changes with the lines around; those that touch are one. */
function hunksOf(changes: readonly Change[]): { from: number; to: number }[] {
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

function hunkText(changes: readonly Change[], { from, to }: { from: number; to: number }): string {
  const count = (part: readonly Change[], without: "-" | "+") => part.filter(({ kind }) => kind !== without).length;
  const [ahead, own] = [changes.slice(0, from), changes.slice(from, to)];
  const range = (without: "-" | "+") => {
    const lines = count(own, without);
    return `${count(ahead, without) + (lines > 0 ? 1 : 0)},${lines}`;
  };
  return [`@@ -${range("+")} +${range("-")} @@`, ...own.map(({ kind, line }) => kind + line)].join("\n");
}

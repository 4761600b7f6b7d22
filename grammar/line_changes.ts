/** A line of the text before (`-`), after (`+`), or of both. */
export type LineChange = { readonly kind: " " | "-" | "+"; readonly line: string };

/** A shortest way from one list of lines to the other (longest common subsequence of what differs). */
export function lineChanges(before: readonly string[], after: readonly string[]): LineChange[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head++;
  let tail = 0;
  const most = Math.min(before.length, after.length) - head;
  while (tail < most && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  const [a, b] = [before.slice(head, before.length - tail), after.slice(head, after.length - tail)];
  const same = (lines: readonly string[]) => lines.map((line): LineChange => ({ kind: " ", line }));
  return [...same(before.slice(0, head)), ...middle(a, b), ...same(before.slice(before.length - tail))];
}

function middle(a: readonly string[], b: readonly string[]): LineChange[] {
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
  const changes: LineChange[] = [];
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

/** Names that are compared with a misspelt one: more are in no recipe that a person wrote. */
const mostCompared = 1000;

/** The name closest to a misspelt one, if any is close enough to be meant: at most a third of its letters are wrong. */
export function closest(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(name.length / 3)) + 1;
  let compared = 0;
  for (const candidate of known) {
    if (++compared > mostCompared) break;
    if (candidate === name || Math.abs(candidate.length - name.length) >= least) continue;
    const cost = distance(name.toLowerCase(), candidate.toLowerCase());
    if (cost < least) [best, least] = [candidate, cost];
  }
  return best;
}

/** Edits between two words: insert, delete, replace, swap neighbours (Damerau 1964, optimal string alignment). */
export function distance(a: string, b: string): number {
  let older: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, k) => k);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      let cost = Math.min(row[j - 1]! + 1, last[j]! + 1, last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, older[j - 2]! + 1);
      row.push(cost);
    }
    [older, last] = [last, row];
  }
  return last[b.length]!;
}

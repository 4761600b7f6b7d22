import { expressionOf, expressionsIn, statementsIn } from "../../grammar/walk.ts";
import type { FoldingRange } from "./protocol.ts";
import type { Snapshot } from "./snapshot.ts";

/** What can be folded: blocks, lists, maps and calls over several lines, and runs of comments and of imports. */
export function foldingRanges({ tree, text }: Snapshot): FoldingRange[] {
  const found = new Map<number, FoldingRange>();
  // Of two that begin on one line the longer one counts: an editor folds by lines.
  const add = (startLine: number, endLine: number, kind?: FoldingRange["kind"]) => {
    const other = found.get(startLine);
    if (endLine > startLine && !(other && other.endLine >= endLine))
      found.set(startLine, { startLine, endLine, ...(kind && { kind }) });
  };
  const lines = ({ start, end }: { start: number; end: number }) => [text.lineAt(start), text.lineAt(end)] as const;
  for (const statement of statementsIn(tree)) {
    if (statement.kind === "block") {
      const [first] = lines(statement.open);
      // The line of the closing brace stays in sight.
      const last = statement.close ? text.lineAt(statement.close.start) - 1 : text.lineAt(statement.end);
      add(first, last);
    }
    const expression = expressionOf(statement);
    if (!expression || text.lineAt(expression.start) === text.lineAt(expression.end)) continue;
    for (const node of expressionsIn(expression)) {
      if (node.kind !== "list" && node.kind !== "map" && node.kind !== "call") continue;
      const [first, last] = lines(node);
      add(first, last - 1);
    }
  }
  runs(
    tree.comments.filter(({ ownLine }) => ownLine).map((comment) => text.lineAt(comment.start)),
    (first, last) => add(first, last, "comment"),
  );
  runs(
    tree.body.filter(({ kind }) => kind === "import").map((node) => text.lineAt(node.start)),
    (first, last) => add(first, last, "imports"),
  );
  return [...found.values()].sort((a, b) => a.startLine - b.startLine);
}

/** Calls for each run of lines that follow one another. */
function runs(lines: readonly number[], add: (first: number, last: number) => void): void {
  let from = 0;
  for (let k = 1; k <= lines.length; k++) {
    if (k < lines.length && lines[k] === lines[k - 1]! + 1) continue;
    add(lines[from]!, lines[k - 1]!);
    from = k;
  }
}

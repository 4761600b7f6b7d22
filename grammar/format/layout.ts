/** What the formatter has to know of the tree: which tokens begin statements, open blocks, are signs of one operand, … */
import { isAllowance, lineAllowed } from "../allowance.ts";
import type { BlockNode, Comment, Expression, FileNode, Statement } from "../ast.ts";
import type { SourceText } from "../text.ts";
import { expressionOf, expressionsIn, statementsIn } from "../walk.ts";

export interface Layout {
  /** Offset of a statement's first character → the statement. */
  statements: Map<number, Statement>;
  /** Offsets of blocks' opening and closing braces → whether the block goes over several lines. */
  opens: Map<number, boolean>;
  closes: Map<number, boolean>;
  /** Offsets of signs that belong to the operand after them: `-x`, and the `+` of a range's step. */
  signs: Set<number>;
  /** Ends of the names that are called. */
  calls: Set<number>;
  /** Lines that a `# ctx-allow` speaks of: what stands on them decides what it allows, so they are neither split nor joined. */
  pinned: Set<number>;
}

export function layoutOf(file: FileNode, text: SourceText): Layout {
  const layout: Layout = {
    statements: new Map(),
    opens: new Map(),
    closes: new Map(),
    signs: new Set(),
    calls: new Set(),
    pinned: pinnedLines(file.comments, text),
  };
  for (const statement of statementsIn(file)) {
    layout.statements.set(statement.start, statement);
    if (statement.kind === "block") addBlock(statement, layout, file.comments, text);
    const expression = expressionOf(statement);
    if (!expression) continue;
    for (const node of expressionsIn(expression)) addExpression(node, layout);
  }
  return layout;
}

function addBlock(node: BlockNode, layout: Layout, comments: readonly Comment[], text: SourceText): void {
  const close = node.close?.start ?? node.end;
  const head = (node.label ?? node.type).end;
  // A comment between the head and the brace goes behind the brace, so what is in the block needs lines of its own.
  const remark = comments.some(({ start }) => start >= head && start < node.open.start);
  const several = remark || text.lineAt(node.open.start) !== text.lineAt(close);
  layout.opens.set(node.open.start, several);
  layout.closes.set(close, several);
}

function addExpression(node: Expression, layout: Layout): void {
  if (node.kind === "unary" && node.operator !== "not") layout.signs.add(node.start);
  if (node.kind === "range" && node.step?.by === "sum") layout.signs.add(node.step.start);
  if (node.kind === "call") layout.calls.add(node.callee.end);
}

/** The line of each `# ctx-allow`, and the one that it speaks of. */
function pinnedLines(comments: readonly Comment[], text: SourceText): Set<number> {
  return new Set(
    comments.filter(isAllowance).flatMap((comment) => [text.lineAt(comment.start), lineAllowed(comment, text)]),
  );
}

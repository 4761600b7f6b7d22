/** Ways through the tree. */
import type { Expression, FileNode, Statement } from "./ast.ts";

const none: readonly Expression[] = [];

/** The values right below a value, in the order of the text. */
export function childrenOf(node: Expression): readonly Expression[] {
  switch (node.kind) {
    case "member":
      return [node.object];
    case "call":
      return [node.callee, ...node.arguments.map((argument) => argument.value)];
    case "list":
      return node.items;
    case "map":
      return node.entries.map((entry) => entry.value);
    case "range":
      return node.step ? [node.from, node.to, node.step.value] : [node.from, node.to];
    case "unary":
      return [node.operand];
    case "binary":
      return [node.left, node.right];
    case "if":
      return [node.condition, node.consequent, node.alternative];
    case "group":
      return [node.inner];
    default:
      return none;
  }
}

/** The value that a statement holds; null for those without one. */
export function expressionOf(node: Statement): Expression | null {
  switch (node.kind) {
    case "property":
    case "param":
    case "let":
      return node.value;
    case "require":
      return node.condition;
    case "assertion":
      return node.expression;
    default:
      return null;
  }
}

/** Every value below `node`, itself first. */
export function* expressionsIn(node: Expression): Generator<Expression> {
  yield node;
  for (const child of childrenOf(node)) yield* expressionsIn(child);
}

/** Every statement of a file, blocks before what is in them. */
export function* statementsIn(node: FileNode | Statement): Generator<Statement> {
  if (node.kind !== "file") yield node;
  if (node.kind !== "file" && node.kind !== "block") return;
  for (const statement of node.body) yield* statementsIn(statement);
}

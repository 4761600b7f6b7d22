import type { BlockNode, Statement } from "../../grammar/ast.ts";
import { type DocumentSymbol, SYMBOL_KINDS } from "./protocol.ts";
import type { Snapshot } from "./snapshot.ts";

/** Longest value that an outline shows. */
const widest = 60;

/** The outline of a recipe: its blocks, what is in them, and its definitions. */
export function documentSymbols(snapshot: Snapshot): DocumentSymbol[] {
  return snapshot.tree.body.flatMap((node) => symbolOf(node, snapshot) ?? []);
}

function symbolOf(node: Statement, snapshot: Snapshot): DocumentSymbol | undefined {
  const range = snapshot.range(node);
  const value = (span: { start: number; end: number }) => {
    const text = snapshot.text.slice(span).replace(/\s+/g, " ").trim();
    const letters = [...text];
    return letters.length > widest ? `${letters.slice(0, widest - 1).join("")}…` : text;
  };
  switch (node.kind) {
    case "block":
      return blockSymbol(node, snapshot);
    case "property":
      return {
        name: node.name.name,
        detail: value(node.value),
        kind: SYMBOL_KINDS.property,
        range,
        selectionRange: snapshot.range(node.name),
      };
    case "let":
    case "param": {
      if (!node.name) return undefined;
      const kind = node.kind === "let" ? SYMBOL_KINDS.constant : SYMBOL_KINDS.variable;
      return {
        name: node.name.name,
        detail: value(node.value),
        kind,
        range,
        selectionRange: snapshot.range(node.name),
      };
    }
    case "require":
      if (node.condition.kind === "error") return undefined;
      return {
        name: "require",
        detail: value(node.condition),
        kind: SYMBOL_KINDS.event,
        range,
        selectionRange: snapshot.range(node.condition),
      };
    case "import":
      if (!node.path) return undefined;
      return {
        name: node.path.value || "import",
        detail: "import",
        kind: SYMBOL_KINDS.file,
        range,
        selectionRange: snapshot.range(node.path),
      };
    default:
      return undefined;
  }
}

function blockSymbol(node: BlockNode, snapshot: Snapshot): DocumentSymbol {
  const children = node.body.flatMap((inner) => symbolOf(inner, snapshot) ?? []);
  const { type, label } = node;
  return {
    name: label ? label.name : type.name,
    ...(label && { detail: type.name }),
    kind: label ? SYMBOL_KINDS.namespace : SYMBOL_KINDS.struct,
    range: snapshot.range(node),
    selectionRange: snapshot.range(label ?? type),
    ...(children.length > 0 && { children }),
  };
}

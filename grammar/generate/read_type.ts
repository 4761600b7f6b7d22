/** TypeScript type nodes → kinds of value. Syntax only: no type checker runs. */
import { Node, type TypeNode } from "ts-morph";
import type { Reference, ValueType } from "../definition.ts";

const plain: { readonly [alias: string]: ValueType } = {
  Tokens: { kind: "tokens" },
  Count: { kind: "count" },
  Num: { kind: "number" },
  Ratio: { kind: "ratio" },
  Bytes: { kind: "bytes" },
  Duration: { kind: "duration" },
  Text: { kind: "text" },
  Flag: { kind: "flag" },
};

/**
 * @throws Error on a type that the table cannot hold, naming `where`
 */
export function readType(node: TypeNode, where: string): ValueType {
  if (Node.isUnionTypeNode(node)) {
    const parts = node.getTypeNodes();
    const choices = parts.map(literal).filter((choice) => choice !== null);
    const others = parts.filter((part) => literal(part) === null).map((part) => readType(part, where));
    if (choices.length > 0) others.push({ kind: "choice", choices });
    return others.length === 1 ? others[0]! : { kind: "union", of: others };
  }
  const choice = literal(node);
  if (choice !== null) return { kind: "choice", choices: [choice] };
  if (!Node.isTypeReference(node)) throw new Error(`${where}: cannot read the type ${node.getText()}`);
  const name = node.getTypeName().getText();
  const [of, more] = node.getTypeArguments();
  const known = plain[name];
  if (known) return known;
  if (of === undefined) throw new Error(`${where}: ${name} is not a kind of value`);
  switch (name) {
    case "List":
      return { kind: "list", of: readType(of, where) };
    case "Range":
      return { kind: "range", of: readType(of, where) };
    case "MapOf":
      return { kind: "map", of: readType(of, where), keys: (strings(more)[0] as Reference | undefined) ?? null };
    case "Formula":
      return { kind: "formula", of: readType(of, where), sees: strings(more) };
    case "Condition":
      return { kind: "condition", sees: strings(of) };
    case "Measure":
      return { kind: "measure", of: readType(of, where), operators: strings(more) };
    case "Call":
      return { kind: "call", set: strings(of)[0] ?? "" };
    case "Reference":
      return { kind: "reference", to: strings(of)[0] as Reference };
    default:
      throw new Error(`${where}: ${name} is not a kind of value`);
  }
}

function literal(node: TypeNode): string | null {
  if (!Node.isLiteralTypeNode(node)) return null;
  const inner = node.getLiteral();
  return Node.isStringLiteral(inner) ? inner.getLiteralValue() : null;
}

/** The string literals of `"a"` or `"a" | "b"`; none for a missing node. */
export function strings(node: TypeNode | undefined): string[] {
  if (node === undefined) return [];
  const parts = Node.isUnionTypeNode(node) ? node.getTypeNodes() : [node];
  return parts.map(literal).filter((text) => text !== null);
}

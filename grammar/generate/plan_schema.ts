/**
 * `compiler/plan.schema.json` (JSON Schema draft-07) from the interfaces of `compiler/plan.ts`. Nothing may stand in a plan that
 * is not in the interfaces.
 */
import { type InterfaceDeclaration, Node, Project, type PropertySignature, SyntaxKind, type TypeNode } from "ts-morph";

type Schema = { [key: string]: unknown };

/** @param file path of plan.ts; its `Plan` is the root */
export function writePlanSchema(file: string): string {
  const project = new Project({ skipAddingFilesFromTsConfig: true, skipFileDependencyResolution: true });
  const source = project.addSourceFileAtPath(file);
  const definitions: { [name: string]: Schema } = {};
  for (const declaration of source.getInterfaces()) definitions[declaration.getName()] = interfaceSchema(declaration);
  const schema = {
    $schema: "http://json-schema.org/draft-07/schema#",
    // A name, not an address; it ends with the version of the plans.
    $id: `urn:ctx-recipe:plan:${versionOf(definitions.Plan)}`,
    $comment: "Generated from compiler/plan.ts by `npm run generate`; do not edit.",
    title: "Plan of a ctx run",
    $ref: "#/definitions/Plan",
    definitions,
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

function versionOf(plan: Schema | undefined): unknown {
  const { version } = (plan?.properties ?? {}) as { [name: string]: Schema | undefined };
  if (version?.const === undefined) throw new Error("Plan.version is no literal");
  return version.const;
}

function interfaceSchema(declaration: InterfaceDeclaration): Schema {
  const schema = objectSchema(declaration.getProperties(), declaration.getName());
  return described(declaration.getJsDocs()[0]?.getInnerText(), schema);
}

function objectSchema(signatures: PropertySignature[], owner: string): Schema {
  const properties: { [name: string]: Schema } = {};
  const required: string[] = [];
  for (const signature of signatures) {
    const name = signature.getName();
    const type = typeSchema(signature.getTypeNodeOrThrow(), `${owner}.${name}`);
    properties[name] = described(signature.getJsDocs()[0]?.getInnerText(), type);
    if (!signature.hasQuestionToken()) required.push(name);
  }
  return { type: "object", properties, required, additionalProperties: false };
}

/** In draft-07 nothing counts beside `$ref`, hence `allOf` where there is a description. */
function described(doc: string | undefined, schema: Schema): Schema {
  if (doc === undefined) return schema;
  const description = doc.replace(/\s*\n\s*/g, " ").trim();
  return "$ref" in schema ? { description, allOf: [schema] } : { description, ...schema };
}

function typeSchema(node: TypeNode, where: string): Schema {
  switch (node.getKind()) {
    case SyntaxKind.StringKeyword:
      return { type: "string" };
    case SyntaxKind.NumberKeyword:
      return { type: "number" };
    case SyntaxKind.BooleanKeyword:
      return { type: "boolean" };
  }
  if (Node.isLiteralTypeNode(node)) return { const: literalValue(node, where) };
  if (Node.isArrayTypeNode(node)) return { type: "array", items: typeSchema(node.getElementTypeNode(), where) };
  if (Node.isParenthesizedTypeNode(node)) return typeSchema(node.getTypeNode(), where);
  if (Node.isTypeReference(node)) return { $ref: `#/definitions/${node.getTypeName().getText()}` };
  if (Node.isTupleTypeNode(node)) {
    const items = node.getElements().map((element) => typeSchema(element, where));
    return { type: "array", items, minItems: items.length, maxItems: items.length };
  }
  if (Node.isTypeLiteral(node)) {
    // `{ [key: string]: T }`, or an object's members.
    const values = node.getIndexSignatures()[0]?.getReturnTypeNode();
    if (values) return { type: "object", additionalProperties: typeSchema(values, where) };
    return objectSchema(node.getProperties(), where);
  }
  if (Node.isUnionTypeNode(node)) {
    const parts = node.getTypeNodes();
    if (parts.every((part) => Node.isLiteralTypeNode(part))) {
      return { enum: parts.map((part) => literalValue(part, where)) };
    }
    return { anyOf: parts.map((part) => typeSchema(part, where)) };
  }
  throw new Error(`${where}: cannot write a schema for ${node.getText()}`);
}

function literalValue(node: TypeNode, where: string): string | number | boolean | null {
  if (Node.isLiteralTypeNode(node)) {
    const inner = node.getLiteral();
    if (Node.isStringLiteral(inner) || Node.isNumericLiteral(inner)) return inner.getLiteralValue();
    if (Node.isNullLiteral(inner)) return null;
    if (Node.isTrueLiteral(inner)) return true;
    if (Node.isFalseLiteral(inner)) return false;
  }
  throw new Error(`${where}: ${node.getText()} is no literal`);
}

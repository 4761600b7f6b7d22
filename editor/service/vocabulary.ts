/** Look-ups in the language's table that the features share. */
import type { BlockNode, FileNode, Statement } from "../../grammar/ast.ts";
import type {
  BlockDefinition,
  FunctionDefinition,
  PropertyDefinition,
  ValueType,
  VariableDefinition,
} from "../../grammar/definition.ts";
import { language } from "../../grammar/generated/language.ts";

export { language };

/** A value of a table that recipes' words are looked up in: words such as `constructor` are none of it. */
export function own<T>(table: { readonly [name: string]: T }, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** The definition of a block within another; undefined for a kind that may not stand there. */
export function childBlock(parent: BlockDefinition | undefined, kind: string): BlockDefinition | undefined {
  const child = parent && own(parent.children, kind);
  return child && language.blocks[child.block];
}

/** What may stand in the innermost of blocks, outermost first; undefined where one of them is unknown. */
export function definitionOf(blocks: readonly BlockNode[]): BlockDefinition | undefined {
  return blocks.reduce<BlockDefinition | undefined>((parent, { type }) => childBlock(parent, type.name), language.root);
}

/** The alternatives of a type, with formulas taken as what they give. */
export function alternatives(type: ValueType): ValueType[] {
  if (type.kind === "union") return type.of.flatMap(alternatives);
  return type.kind === "formula" ? alternatives(type.of) : [type];
}

/** The types that items of a list, or values of a map, may have. */
export function itemTypes(types: readonly ValueType[], kind: "list" | "map"): ValueType[] {
  return types.flatMap((type) => (type.kind === kind ? alternatives(type.of) : []));
}

/** The function that a call means where values of these types are taken; elsewhere the first of its name. */
export function functionNamed(name: string, types: readonly ValueType[] | null): FunctionDefinition | undefined {
  const taken = types?.flatMap((type) => (type.kind === "call" ? [type.set] : [])) ?? [];
  for (const set of [...taken, "math", "theta"]) {
    const found = own(language.functions[set] ?? {}, name);
    if (found) return found;
  }
  if (types !== null) return undefined;
  for (const set of Object.values(language.functions)) {
    const found = own(set, name);
    if (found) return found;
  }
  return undefined;
}

/** The parameter that an argument fills. */
export function parameterOf(
  definition: FunctionDefinition | undefined,
  index: number,
  name: string | null,
): PropertyDefinition | undefined {
  if (!definition) return undefined;
  const { parameters, variadic } = definition;
  if (name !== null) return parameters.find((parameter) => parameter.name === name);
  return parameters[index] ?? (variadic ? parameters.at(-1) : undefined);
}

/** A name that expressions see: `length`, `model.theta`; members of a stage by `<stage>`. */
export function variable(path: string): VariableDefinition | undefined {
  return own(language.variables, path);
}

/** Names before a dot: `model`, `previous`. */
export const objects: ReadonlySet<string> = new Set(
  Object.keys(language.variables).flatMap((path) => (path.includes(".") ? [path.slice(0, path.indexOf("."))] : [])),
);

/** The blocks that hold an offset between their braces, outermost first. One that is never closed holds all that follows in it. */
export function blocksAt(tree: FileNode, offset: number): BlockNode[] {
  const found: BlockNode[] = [];
  let body: readonly Statement[] = tree.body;
  for (;;) {
    const block = body.find(
      (node): node is BlockNode =>
        node.kind === "block" &&
        node.open.end <= offset &&
        (node.close ? offset <= node.close.start : offset <= node.end || node === body.at(-1)),
    );
    if (!block) return found;
    found.push(block);
    body = block.body;
  }
}

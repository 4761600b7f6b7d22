import { takesBareName } from "../../compiler/lower/bare_name.ts";
import type {
  Argument,
  BlockNode,
  CallNode,
  Expression,
  FileNode,
  LetNode,
  NameNode,
  ParamNode,
  PropertyNode,
  Span,
  Statement,
} from "../../grammar/ast.ts";
import type {
  BlockDefinition,
  FunctionDefinition,
  PropertyDefinition,
  Reference,
  ValueType,
} from "../../grammar/definition.ts";
import {
  alternatives,
  childBlock,
  functionNamed,
  itemTypes,
  language,
  objects,
  own,
  parameterOf,
  variable,
} from "./vocabulary.ts";

/** What a word of a recipe is. */
export type Role =
  | { readonly kind: "block"; readonly definition: BlockDefinition | undefined; readonly node: BlockNode }
  | { readonly kind: "label"; readonly of: Reference | null; readonly node: BlockNode }
  | {
      readonly kind: "property";
      readonly definition: PropertyDefinition | undefined;
      readonly node: PropertyNode;
      readonly block: BlockDefinition | undefined;
    }
  /** The name that a `let` or `param` defines. */
  | { readonly kind: "definition"; readonly node: LetNode | ParamNode }
  | { readonly kind: "recipe" }
  | { readonly kind: "function"; readonly definition: FunctionDefinition | undefined; readonly call: CallNode | null }
  | {
      readonly kind: "argument";
      readonly definition: PropertyDefinition | undefined;
      readonly of: FunctionDefinition | undefined;
    }
  | { readonly kind: "choice"; readonly property: PropertyDefinition | undefined }
  | { readonly kind: "reference"; readonly to: Reference }
  /** A `let`, a `param`, a stage, or a name of the language such as `length`. */
  | { readonly kind: "name" }
  /** Behind a dot; `path` as in the language's table. */
  | { readonly kind: "member"; readonly path: string }
  /** A key of a map that names nothing. */
  | { readonly kind: "key" }
  /** What a gate compares: `needle`. */
  | { readonly kind: "measure"; readonly definition: PropertyDefinition };

/** A word with its place, its role, and the expression of its statement that it belongs to. */
export interface Meaning extends Span {
  readonly name: string;
  readonly role: Role;
  readonly statement: Statement;
  readonly whole: Expression | null;
}

const known = new WeakMap<FileNode, { readonly defined: ReadonlySet<string>; readonly meanings: readonly Meaning[] }>();

/**
 * Every word of a file that means something, in the order of the text.
 *
 * @param defined names of `let`s, `param`s and stages, which come before choices of the same name in the middle of a value
 */
export function meaningsOf(tree: FileNode, defined: ReadonlySet<string>): readonly Meaning[] {
  const found = known.get(tree);
  if (found && sameNames(found.defined, defined)) return found.meanings;
  const meanings: Meaning[] = [];
  const walker = new Walker(defined, (meaning) => meanings.push(meaning));
  walker.body(tree.body, language.root);
  meanings.sort((a, b) => a.start - b.start || a.end - b.end);
  known.set(tree, { defined, meanings });
  return meanings;
}

function sameNames(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const name of a) if (!b.has(name)) return false;
  return true;
}

/** The word that an offset touches; of two that meet there, the one that begins. */
export function meaningAt(meanings: readonly Meaning[], offset: number): Meaning | undefined {
  let [low, high] = [0, meanings.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (meanings[middle]!.start <= offset) low = middle + 1;
    else high = middle;
  }
  const last = meanings[low - 1];
  return last && offset <= last.end ? last : undefined;
}

class Walker {
  #statement!: Statement;
  #whole: Expression | null = null;

  constructor(
    readonly defined: ReadonlySet<string>,
    readonly emit: (meaning: Meaning) => void,
  ) {}

  body(body: readonly Statement[], block: BlockDefinition | undefined): void {
    for (const node of body) {
      this.#statement = node;
      this.#whole = null;
      this.#one(node, block);
    }
  }

  #one(node: Statement, block: BlockDefinition | undefined): void {
    switch (node.kind) {
      case "recipe":
        if (node.name) this.#word(node.name, { kind: "recipe" });
        return;
      case "block": {
        const definition = childBlock(block, node.type.name);
        this.#word(node.type, { kind: "block", definition, node });
        if (node.label) this.#word(node.label, { kind: "label", of: definition?.label ?? null, node });
        this.body(node.body, definition);
        return;
      }
      case "let":
      case "param":
        if (node.name) this.#word(node.name, { kind: "definition", node });
        this.#value(node.value, null, undefined);
        return;
      case "property": {
        const definition = block && own(block.properties, node.name.name);
        this.#word(node.name, { kind: "property", definition, node, block });
        const { value } = node;
        if (definition && value.kind === "name" && takesBareName(definition.type, value.name, language)) {
          this.#whole = value;
          this.#choice(value, alternatives(definition.type), definition);
        } else this.#value(value, definition ? alternatives(definition.type) : null, definition);
        return;
      }
      case "require":
        this.#value(node.condition, null, undefined);
        return;
      case "assertion": {
        const { expression } = node;
        const left = expression.kind === "binary" ? expression.left : expression;
        const measure = left.kind === "name" ? block && own(block.properties, left.name) : undefined;
        this.#whole = expression;
        if (measure?.type.kind === "measure" && left.kind === "name") {
          this.#word(left, { kind: "measure", definition: measure });
          if (expression.kind === "binary") this.#expression(expression.right, null, undefined);
        } else this.#expression(expression, null, undefined);
        return;
      }
    }
  }

  #value(node: Expression, types: ValueType[] | null, property: PropertyDefinition | undefined): void {
    this.#whole = node;
    this.#expression(node, types, property);
  }

  /** @param types what may stand here; null: anything */
  #expression(node: Expression, types: ValueType[] | null, property: PropertyDefinition | undefined): void {
    switch (node.kind) {
      case "name":
        if (this.#isDefined(node.name)) this.#word(node, { kind: "name" });
        else this.#choice(node, types, property);
        return;
      case "member": {
        this.#expression(node.object, null, undefined);
        if (node.object.kind !== "name") return;
        const object = objects.has(node.object.name) ? node.object.name : "<stage>";
        this.#word(node.property, { kind: "member", path: `${object}.${node.property.name}` });
        return;
      }
      case "call": {
        if (node.callee.kind === "member") this.#expression(node.callee, null, undefined);
        const definition = node.callee.kind === "name" ? functionNamed(node.callee.name, types) : undefined;
        if (node.callee.kind === "name") this.#word(node.callee, { kind: "function", definition, call: node });
        for (const [k, argument] of node.arguments.entries()) this.#argument(argument, k, definition);
        return;
      }
      case "list":
        for (const item of node.items) this.#expression(item, types && itemTypes(types, "list"), property);
        return;
      case "map": {
        const map = types?.find((type) => type.kind === "map");
        for (const { key, value } of node.entries) {
          const name = key.kind === "name" ? key.name : key.value;
          const role: Role = map?.kind === "map" && map.keys ? { kind: "reference", to: map.keys } : { kind: "key" };
          // Of a key in quotes the name alone, if it is written as it is.
          const quoted = key.kind === "text";
          if (!quoted || key.end - key.start === name.length + 2)
            this.#word({ name, start: key.start + (quoted ? 1 : 0), end: key.end - (quoted ? 1 : 0) }, role);
          this.#expression(value, types && itemTypes(types, "map"), property);
        }
        return;
      }
      case "range":
        for (const part of [node.from, node.to, ...(node.step ? [node.step.value] : [])])
          this.#expression(part, null, undefined);
        return;
      case "unary":
        this.#expression(node.operand, null, undefined);
        return;
      case "binary":
        this.#expression(node.left, null, undefined);
        this.#expression(node.right, null, undefined);
        return;
      case "if":
        this.#expression(node.condition, null, undefined);
        this.#expression(node.consequent, types, property);
        this.#expression(node.alternative, types, property);
        return;
      case "group":
        this.#expression(node.inner, types, property);
        return;
    }
  }

  #argument({ name, value }: Argument, index: number, definition: FunctionDefinition | undefined): void {
    const parameter = parameterOf(definition, index, name?.name ?? null);
    if (name) this.#word(name, { kind: "argument", definition: parameter, of: definition });
    this.#expression(value, parameter ? alternatives(parameter.type) : null, parameter);
  }

  #isDefined(name: string): boolean {
    return this.defined.has(name) || objects.has(name) || variable(name) !== undefined;
  }

  /** A bare word that is no defined name: a choice, a call without arguments, or the name of a source or stage. */
  #choice(node: NameNode, types: ValueType[] | null, property: PropertyDefinition | undefined): void {
    const chosen = types?.some((type) => type.kind === "choice" && type.choices.includes(node.name));
    const reference = types?.find((type) => type.kind === "reference");
    const called = functionNamed(node.name, types ?? []);
    if (chosen) this.#word(node, { kind: "choice", property });
    else if (called && types?.some((type) => type.kind === "call" && type.set === called.set))
      this.#word(node, { kind: "function", definition: called, call: null });
    else if (reference?.kind === "reference") this.#word(node, { kind: "reference", to: reference.to });
    else this.#word(node, { kind: "name" });
  }

  #word({ name, start, end }: Span & { name: string }, role: Role): void {
    this.emit({ name, start, end, role, statement: this.#statement, whole: this.#whole });
  }
}

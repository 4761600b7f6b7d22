import type { CallNode, Expression, NumberNode } from "../../grammar/ast.ts";
import type { LanguageDefinition, PropertyDefinition } from "../../grammar/definition.ts";
import { childrenOf } from "../../grammar/index.ts";
import type { Fix, Place } from "../diagnostics/diagnostic.ts";
import type { Scope } from "../evaluate/scope.ts";
import { showNumber } from "../values/show.ts";

/**
 * `64K` as a length is 64,000 tokens, and almost always 64Ki = 65,536 was meant, wherever the literal stands: in a list or a
 * range, in a call, behind a `let` or `param`. Budgets of tokens (`tokens = 400K`) are decimal by custom and stay.
 */
export function warnDecimalLengths(
  node: Expression,
  property: PropertyDefinition,
  scope: Scope,
  language: LanguageDefinition,
): void {
  const { type } = property;
  if (property.group === "budget") return;
  warnInCalls(node, scope, language);
  if (type.kind === "condition") {
    for (const side of sidesOf(node)) for (const found of literals(side, scope)) warn(found, scope);
  } else if (isLength(type)) {
    for (const found of literals(node, scope)) warn(found, scope);
  }
}

/** Lengths among the arguments of calls, wherever in the value these stand. */
function warnInCalls(node: Expression, scope: Scope, language: LanguageDefinition): void {
  if (node.kind === "call") {
    for (const argument of lengthsOf(node, language)) for (const found of literals(argument, scope)) warn(found, scope);
  }
  for (const child of childrenOf(node)) warnInCalls(child, scope, language);
}

/** A literal in the place of a length. */
interface Found {
  readonly literal: NumberNode;
  readonly at: Place;
  /** `safe` for the value itself; what goes into arithmetic or has a name may be meant for something else too; null: `--set`. */
  readonly safety: Fix["safety"] | null;
}

function warn({ literal, at, safety }: Found, scope: Scope): void {
  const [suffix, binary] = literal.unit === "K" ? ["Ki", 1024] : literal.unit === "M" ? ["Mi", 1024 ** 2] : [null, 0];
  if (suffix === null) return;
  const count = literal.value / (suffix === "Ki" ? 1e3 : 1e6);
  const better = `${count}${suffix}`;
  scope.report.add(
    "CTX2103",
    at,
    {
      written: `${count}${literal.unit}`,
      value: showNumber(literal.value),
      better,
      betterValue: showNumber(count * binary),
    },
    { fixes: safety === null ? [] : [{ title: better, safety, edits: [{ ...at, text: better }] }] },
  );
}

function isLength(type: PropertyDefinition["type"]): boolean {
  switch (type.kind) {
    case "tokens":
      return true;
    case "list":
    case "range":
    case "formula":
      return isLength(type.of);
    case "union":
      return type.of.some(isLength);
    default:
      return false;
  }
}

/** The arguments of a call that are lengths. */
function* lengthsOf({ callee, arguments: list }: CallNode, language: LanguageDefinition): Generator<Expression> {
  if (callee.kind !== "name") return;
  const sets = Object.values(language.functions);
  const definition = sets.find((set) => Object.hasOwn(set, callee.name))?.[callee.name];
  for (const [k, { name, value }] of list.entries()) {
    const parameter = name
      ? definition?.parameters.find((candidate) => candidate.name === name.name)
      : definition?.parameters[k];
    if (parameter && isLength(parameter.type)) yield value;
  }
}

/** What a condition compares: `tokens >= 4Ki and tokens < 1Mi`. */
function* sidesOf(node: Expression): Generator<Expression> {
  if (node.kind === "group") yield* sidesOf(node.inner);
  else if (node.kind !== "binary") yield node;
  else {
    yield* sidesOf(node.left);
    yield* sidesOf(node.right);
  }
}

/** Functions whose arguments are lengths where their value is one. */
const transparent = new Set(["min", "max", "floor", "ceil", "round"]);

/** Literals that are the value, parts of it, or go into its arithmetic. */
function* literals(
  node: Expression,
  scope: Scope,
  safety: Fix["safety"] = "safe",
  seen: readonly string[] = [],
): Generator<Found> {
  const all = function* (nodes: readonly Expression[], as = safety): Generator<Found> {
    for (const each of nodes) yield* literals(each, scope, as, seen);
  };
  switch (node.kind) {
    case "number":
      yield { literal: node, at: scope.place(node), safety };
      break;
    case "group":
      yield* all([node.inner]);
      break;
    case "list":
      yield* all(node.items);
      break;
    case "range":
      yield* all([node.from, node.to]);
      break;
    case "if":
      yield* all([node.consequent, node.alternative]);
      break;
    case "binary":
      if (["+", "-", "*"].includes(node.operator)) yield* all([node.left, node.right], "review");
      break;
    case "call":
      if (node.callee.kind === "name" && transparent.has(node.callee.name))
        yield* all(
          node.arguments.map(({ value }) => value),
          "review",
        );
      break;
    case "name": {
      const origin = scope.originOf(node.name);
      if (!origin || seen.includes(node.name)) break;
      const within = scope.within(origin.file ?? scope.file);
      for (const found of literals(origin.node, within, "review", [...seen, node.name]))
        yield origin.file === null ? { ...found, at: scope.place(node), safety: null } : found;
      break;
    }
    default:
  }
}

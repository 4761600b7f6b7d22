import type { CallNode, Expression, NumberNode } from "../../grammar/ast.ts";
import type { FunctionDefinition, LanguageDefinition, PropertyDefinition } from "../../grammar/definition.ts";
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
  if (type.kind === "condition") warnInSides(node, scope);
  else if (isLength(type)) warnOf(node, scope);
}

/** Lengths among the arguments of calls, wherever in the value these stand. */
function warnInCalls(node: Expression, scope: Scope, language: LanguageDefinition): void {
  if (node.kind === "call") warnInArguments(node, scope, language);
  for (const child of childrenOf(node)) warnInCalls(child, scope, language);
}

/** The arguments of a call that are lengths. */
function warnInArguments({ callee, arguments: list }: CallNode, scope: Scope, language: LanguageDefinition): void {
  if (callee.kind !== "name") return;
  const definition = functionOf(callee.name, language);
  for (let k = 0; definition && k < list.length; k++) {
    const { name, value } = list[k]!;
    const parameter = name
      ? definition.parameters.find((candidate) => candidate.name === name.name)
      : definition.parameters[k];
    if (parameter && isLength(parameter.type)) warnOf(value, scope);
  }
}

/** The first function of that name, of whatever set. */
function functionOf(name: string, { functions }: LanguageDefinition): FunctionDefinition | undefined {
  for (const set in functions) if (Object.hasOwn(functions[set]!, name)) return functions[set]![name];
  return undefined;
}

/** What a condition compares: `tokens >= 4Ki and tokens < 1Mi`. */
function warnInSides(node: Expression, scope: Scope): void {
  if (node.kind === "group") warnInSides(node.inner, scope);
  else if (node.kind !== "binary") warnOf(node, scope);
  else {
    warnInSides(node.left, scope);
    warnInSides(node.right, scope);
  }
}

function warnOf(node: Expression, scope: Scope): void {
  literals(node, scope, (found) => warn(found, scope));
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

/** Functions whose arguments are lengths where their value is one. */
const transparent = new Set(["min", "max", "floor", "ceil", "round"]);

/** Visits the literals that are the value, parts of it, or go into its arithmetic. */
function literals(
  node: Expression,
  scope: Scope,
  visit: (found: Found) => void,
  safety: Fix["safety"] = "safe",
  seen: readonly string[] = [],
): void {
  const look = (part: Expression, as = safety) => literals(part, scope, visit, as, seen);
  switch (node.kind) {
    case "number":
      visit({ literal: node, at: scope.place(node), safety });
      break;
    case "group":
      look(node.inner);
      break;
    case "list":
      for (const item of node.items) look(item);
      break;
    case "range":
      look(node.from);
      look(node.to);
      break;
    case "if":
      look(node.consequent);
      look(node.alternative);
      break;
    case "binary":
      if (node.operator !== "+" && node.operator !== "-" && node.operator !== "*") break;
      look(node.left, "review");
      look(node.right, "review");
      break;
    case "call":
      if (node.callee.kind !== "name" || !transparent.has(node.callee.name)) break;
      for (const { value } of node.arguments) look(value, "review");
      break;
    case "name": {
      const origin = scope.originOf(node.name);
      if (!origin || seen.includes(node.name)) break;
      const within = scope.within(origin.file ?? scope.file);
      const given = (found: Found) => visit({ ...found, at: scope.place(node), safety: null });
      literals(origin.node, within, origin.file === null ? given : visit, "review", [...seen, node.name]);
      break;
    }
    default:
  }
}

import type { Expression, MemberNode, NameNode, Span } from "../../grammar/ast.ts";
import { dimensionOf } from "../../grammar/units.ts";
import { hint, renames } from "../diagnostics/suggest.ts";
import { show } from "../values/show.ts";
import { unitOfLiteral } from "../values/units.ts";
import type { Placed, Value } from "../values/value.ts";
import { evaluateCall } from "./call.ts";
import { formulas } from "./formulas.ts";
import { functions } from "./functions.ts";
import { Limits } from "./limits.ts";
import { evaluateBinary, evaluateUnary, finite } from "./operators.ts";
import { evaluateRange } from "./range.ts";
import type { Scope } from "./scope.ts";

/**
 * The value of an expression in a scope, in float64. Undefined when it has none; the reason has then been reported, once,
 * at the expression that is to blame. A bare word that names nothing is not an error yet: it may be a choice, which the
 * taker of the value knows.
 */
export function evaluate(node: Expression, scope: Scope): Value | undefined {
  const { limits } = scope;
  const value = limits.enter() ? evaluateNode(node, scope) : tooMuch(node, Limits.deepest, "steps within steps", scope);
  limits.leave();
  return value;
}

function evaluateNode(node: Expression, scope: Scope): Value | undefined {
  switch (node.kind) {
    case "number":
      return finite(node.value, unitOfLiteral(dimensionOf(node.unit)), node, scope);
    case "text":
    case "flag":
      return node.kind === "text" ? { kind: "text", value: node.value } : { kind: "flag", value: node.value };
    case "name":
      return evaluateName(node, scope);
    case "member":
      return evaluateMember(node, scope);
    case "call":
      return evaluateCall(node, scope);
    case "list": {
      const items = node.items.map((item) => placed(item, scope));
      return items.every((item) => item !== undefined) ? whole({ kind: "list", items }, items, node, scope) : undefined;
    }
    case "map": {
      const entries = node.entries.map((entry) => {
        const at = placed(entry.value, scope);
        const key = entry.key.kind === "name" ? entry.key.name : entry.key.value;
        return at && { ...at, key, keyAt: entry.key };
      });
      return entries.every((entry) => entry !== undefined)
        ? whole({ kind: "map", entries }, entries, node, scope)
        : undefined;
    }
    case "range":
      return evaluateRange(node, scope);
    case "unary":
      return evaluateUnary(node, scope);
    case "binary":
      return evaluateBinary(node, scope);
    case "if": {
      const condition = evaluate(node.condition, scope);
      if (!condition) return undefined;
      if (condition.kind !== "flag") {
        wrongType(node.condition, condition, "if", "a condition", scope);
        return undefined;
      }
      const [taken, other] = condition.value
        ? [node.consequent, node.alternative]
        : [node.alternative, node.consequent];
      // The other branch is read for wrong names and types; that it would divide by zero is why it was not taken.
      evaluate(other, scope.hypothetical());
      return evaluate(taken, scope);
    }
    case "group":
      return evaluate(node.inner, scope);
    case "error":
      return undefined;
  }
}

/** The value unless it is made of too many others. */
export function whole(
  value: Value,
  parts: readonly { readonly value: Value | undefined }[],
  node: Expression,
  scope: Scope,
): Value | undefined {
  const values = parts.map((part) => part.value);
  return scope.limits.fits(value, values) ? value : tooMuch(node, Limits.largest, "values", scope);
}

function tooMuch(node: Expression, limit: number, of: string, scope: Scope): undefined {
  // Whatever else meets a limit has the same cause.
  if (scope.tellOnce("too much")) scope.report.add("CTX2109", scope.place(node), { limit, of });
  return undefined;
}

/** The value with its place. */
export function placed(node: Expression, scope: Scope): Placed | undefined {
  const value = evaluate(node, scope);
  return value && { value, at: { start: node.start, end: node.end } };
}

/** Reports that a value is of the wrong type; an unbound word is reported as the unknown name it is. */
export function wrongType(node: Expression, value: Value, name: string, expected: string, scope: Scope): void {
  if (value.kind === "word" || value.kind === "call") unknownName(value, node, scope);
  else scope.report.add("CTX2101", scope.place(node), { name, expected, actual: kindOf(value) });
}

/**
 * Reports a word or a call, where only a value of an expression will do, as the unknown name that it then is.
 *
 * @param words what a word could have meant besides a name
 */
export function unknownName(
  value: Extract<Value, { kind: "word" | "call" }>,
  at: Span,
  scope: Scope,
  words: Iterable<string> = [],
): void {
  const { name } = value;
  const compare = scope.limits.suggest();
  const functionNames = [...Object.keys(functions), ...Object.keys(formulas)];
  const known = value.kind === "word" ? [...scope.names(), ...words] : functionNames;
  const place = scope.place(value.kind === "call" ? value.at : at);
  const fixes = compare ? renames(name, known, place) : [];
  const code = value.kind === "word" ? "CTX2007" : "CTX2008";
  scope.report.add(code, place, { name, hint: compare ? hint(name, known) : "it is not defined" }, { fixes });
}

/** A value's type and the value, with an article. */
function kindOf(value: Value): string {
  return value.kind === "number" ? show(value) : `a ${value.kind === "record" ? value.name : value.kind}`;
}

function evaluateName(node: NameNode, scope: Scope): Value | undefined {
  const binding = scope.lookup(node.name, node);
  if (!binding) return { kind: "word", name: node.name };
  if (binding.kind === "value") return binding.value;
  if (binding.kind === "absent") {
    scope.report.add("CTX2013", scope.place(node), { name: node.name, hint: binding.hint });
  }
  return undefined;
}

function evaluateMember(node: MemberNode, scope: Scope): Value | undefined {
  const object = evaluate(node.object, scope);
  if (!object) return undefined;
  const member = node.property.name;
  if (object.kind !== "record") {
    wrongType(node.object, object, `.${member}`, "something with members, such as model or previous", scope);
    return undefined;
  }
  const value = object.members.get(member);
  if (!value) {
    const known = [...object.members.keys()];
    const place = scope.place(node.property);
    const fixes = renames(member, known, place);
    scope.report.add("CTX2012", place, { owner: object.name, member, hint: hint(member, known) }, { fixes });
  }
  return value;
}

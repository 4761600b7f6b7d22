import type { Expression } from "../../grammar/ast.ts";
import type { PropertyDefinition } from "../../grammar/definition.ts";
import { parse } from "../../grammar/index.ts";
import { evaluate } from "../evaluate/evaluate.ts";
import { isReserved } from "../names/reserved.ts";
import { convert, type Target } from "./convert.ts";
import type { Typed } from "./typed.ts";

const parsed = new Map<string, Expression | null>();

/** Defaults that speak of nothing, such as `0.9`: they are the same in every scope of every recipe. */
const constants = new WeakMap<PropertyDefinition, Typed>();

/**
 * The default of a property, evaluated in the scope that asks, of which it sees only what every recipe has: the language table holds it as recipe text, such as
 * `adamw(lr: 2e-5)` or `scale`. Undefined when there is none, or when the table only describes it in parentheses.
 */
export function defaultOf(property: PropertyDefinition, target: Target): Typed | undefined {
  const text = property.default;
  if (text === null || text.startsWith("(")) return undefined;
  const known = constants.get(property);
  if (known !== undefined) return known;
  const expression = expressionOf(text);
  if (!expression) return undefined;
  // A default has no place in the recipe: what it speaks of is either there or has been reported where it is missing. Nor does
  // it see the recipe's own names: `let auto = 3` leaves a default of auto what it is.
  const scope = target.scope.reportingTo({ add: () => {} }).restricted(isReserved);
  const { asked } = scope;
  const value = evaluate(expression, scope);
  const typed = value && convert(value, property.type, expression, { ...target, scope, property });
  if (typed !== undefined && scope.asked === asked) constants.set(property, typed);
  return typed;
}

function expressionOf(text: string): Expression | null {
  let expression = parsed.get(text);
  if (expression === undefined) {
    const { file, problems } = parse(`let default_value = ${text}\n`);
    const statement = file.body[0];
    expression = problems.length === 0 && statement?.kind === "let" ? statement.value : null;
    parsed.set(text, expression);
  }
  return expression;
}

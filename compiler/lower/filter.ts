import type { BinaryNode, Expression } from "../../grammar/ast.ts";
import { numberOf } from "../evaluate/operators.ts";
import { warnDecimalLengths } from "../types/decimal_length.ts";
import { showTokens } from "../values/show.ts";
import { unitName, unitOfSum } from "../values/units.ts";
import type { Reader } from "./reader.ts";

export interface LengthBounds {
  readonly min_tokens: number;
  readonly max_tokens: number | null;
}

const everything: LengthBounds = { min_tokens: 0, max_tokens: null };

/** `filter = tokens >= 4Ki and tokens < 1Mi` as the smallest and largest length of a document. */
export function lowerFilter(reader: Reader): LengthBounds {
  const setting = reader.setting("filter");
  if (!setting || setting.value.kind === "error") return everything;
  const scope = reader.scope.within(setting.file);
  warnDecimalLengths(setting.value, setting.definition, scope, reader.lowering.language);
  // Its bounds have values, though the whole has one for each document.
  reader.lowering.workings.note(setting.value, scope);
  let min = 0;
  let max: number | null = null;
  for (const condition of conjuncts(setting.value)) {
    const side = condition.kind === "binary" ? sides(condition) : undefined;
    if (!side) {
      scope.report.add("CTX5012", scope.place(condition), {});
      return everything;
    }
    const bound = numberOf(side.bound, "a filter", scope);
    if (!bound) return everything;
    if (unitOfSum("tokens", bound.unit) === undefined) {
      const values = { left: unitName("tokens"), right: unitName(bound.unit), operation: "compared" };
      const hint = "the length of a document is counted in tokens, such as 4Ki";
      scope.report.add("CTX2102", scope.place(condition), { ...values, hint });
      return everything;
    }
    const value = Math.ceil(bound.value);
    if (side.operator === ">=") min = Math.max(min, value);
    else if (side.operator === ">") min = Math.max(min, Math.floor(bound.value) + 1);
    else if (side.operator === "<=") max = Math.min(max ?? Number.POSITIVE_INFINITY, Math.floor(bound.value));
    else max = Math.min(max ?? Number.POSITIVE_INFINITY, value - 1);
  }
  if (max !== null && max < min) {
    scope.report.add("CTX5013", reader.at("filter"), { min: showTokens(min), max: showTokens(max) });
  }
  return { min_tokens: min, max_tokens: max };
}

/** `a and (b and c)` → a, b, c. */
function* conjuncts(node: Expression): Generator<Expression> {
  if (node.kind === "group") yield* conjuncts(node.inner);
  else if (node.kind === "binary" && node.operator === "and") {
    yield* conjuncts(node.left);
    yield* conjuncts(node.right);
  } else yield node;
}

const mirrored = { "<": ">", "<=": ">=", ">": "<", ">=": "<=" } as const;

/** `tokens >= bound`, or the same written from the other side. */
function sides(node: BinaryNode): { operator: keyof typeof mirrored; bound: Expression } | undefined {
  const { operator } = node;
  if (operator !== "<" && operator !== "<=" && operator !== ">" && operator !== ">=") return undefined;
  const isTokens = (side: Expression) => side.kind === "name" && side.name === "tokens";
  if (isTokens(node.left)) return { operator, bound: node.right };
  return isTokens(node.right) ? { operator: mirrored[operator], bound: node.left } : undefined;
}

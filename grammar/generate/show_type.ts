/** Kinds of value in words, for the reference page and for hovers. */
import type { PropertyDefinition, ValueType } from "../definition.ts";

/** `a | b` in short: "count or auto", "list of shares". */
export function showType(type: ValueType): string {
  switch (type.kind) {
    case "number":
    case "count":
    case "tokens":
    case "bytes":
    case "duration":
    case "text":
    case "flag":
      return type.kind;
    case "ratio":
      return "share";
    case "choice":
      return type.choices.map((choice) => `\`${choice}\``).join(" · ");
    case "list":
      return `list of ${plural(type.of)}`;
    case "range":
      return `range of ${plural(type.of)}`;
    case "map":
      return `map of ${type.keys ? `${type.keys}s to ` : ""}${plural(type.of)}`;
    case "formula":
      return `${showType(type.of)}, by formula`;
    case "condition":
      return `condition on ${type.sees.map((name) => `\`${name}\``).join(", ")}`;
    case "measure":
      return `${type.operators.map((operator) => `\`${operator}\``).join(" or ")} ${showType(type.of)}`;
    case "call":
      return `${/^[aeiou]/.test(setName(type.set)) ? "an" : "a"} ${setName(type.set)}`;
    case "reference":
      return `name of a ${type.to}`;
    case "union":
      return type.of.map(showType).join(" or ");
  }
}

const setNames: { readonly [set: string]: string } = {
  method: "RoPE method",
  training: "training method",
  synthesize: "kind of synthetic question",
  checkpoint: "checkpoint rule",
  positions: "scheme of positions",
};

export function setName(set: string): string {
  return setNames[set] ?? set;
}

function plural(type: ValueType): string {
  switch (type.kind) {
    case "ratio":
      return "shares";
    case "tokens":
      return "token counts";
    case "text":
      return "texts";
    case "number":
    case "count":
    case "flag":
      return `${type.kind}s`;
    default:
      return showType(type);
  }
}

/** The default as markdown: code, or words where there is no expression for it. */
export function defaultOf(property: PropertyDefinition): string {
  if (property.default === null) return property.required ? "**required**" : "";
  if (property.default.startsWith("(")) return property.default.slice(1, -1);
  return `\`${property.default}\``;
}

/** The bounds of a number: "≥ 1, ≤ 1,024". */
export function boundsOf(property: PropertyDefinition): string {
  const { min, max, minIncluded } = property;
  const low = min === null ? "" : `${minIncluded ? "≥" : ">"} ${min}`;
  return [low, max === null ? "" : `≤ ${max.toLocaleString("en-US")}`].filter((part) => part !== "").join(", ");
}

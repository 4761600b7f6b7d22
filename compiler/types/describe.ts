import type { ValueType } from "../../grammar/definition.ts";

/** A type as a person says it, with its article: "a count of tokens or auto". */
export function describeType(type: ValueType): string {
  switch (type.kind) {
    case "tokens":
      return "a count of tokens";
    case "count":
      return "a whole number";
    case "number":
      return "a number";
    case "ratio":
      return "a share such as 10%";
    case "bytes":
      return "bytes such as 80GiB";
    case "duration":
      return "a duration such as 2h";
    case "text":
      return 'a text in quotes, "…"';
    case "flag":
      return "true or false";
    case "choice":
      return type.choices.join(", ").replace(/, ([^,]*)$/, " or $1");
    case "list":
      return `a list of ${plural(type.of)}`;
    case "map":
      return `a map { name: ${bare(type.of)} }`;
    case "range":
      return "a range such as 4Ki..1Mi x2";
    case "formula":
      return describeType(type.of);
    case "condition":
      return `a condition on ${type.sees.join(" and ")}`;
    case "measure":
      return `a line such as name ${type.operators[0] ?? ">="} value`;
    case "call":
      return `a ${type.set} such as name(…)`;
    case "reference":
      return `the name of a ${type.to}`;
    case "union":
      return type.of.map(describeType).join(" or ");
  }
}

const bare = (type: ValueType) => describeType(type).replace(/^an? /, "");

/** Several of a type: "counts of tokens". */
function plural(type: ValueType): string {
  switch (type.kind) {
    case "tokens":
      return "counts of tokens";
    case "count":
      return "whole numbers";
    case "number":
      return "numbers";
    case "ratio":
      return "shares";
    case "text":
      return "texts";
    case "choice":
      return `names among ${type.choices.join(", ")}`;
    default:
      return `${bare(type)}s`;
  }
}

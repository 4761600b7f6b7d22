import type { FunctionDefinition, LanguageDefinition, ValueType } from "../../grammar/definition.ts";

/** A type as a person says it, with its article: "a count of tokens or auto". */
export function describeType(type: ValueType, language: LanguageDefinition): string {
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
      return `a list of ${plural(type.of, language)}`;
    case "map":
      return `a map { name: ${bare(type.of, language)} }`;
    case "range":
      return "a range such as 4Ki..1Mi x2";
    case "formula":
      return describeType(type.of, language);
    case "condition":
      return `a condition on ${type.sees.join(" and ")}`;
    case "measure":
      return `a line such as name ${type.operators[0] ?? ">="} value`;
    case "call":
      return callsOf(type, language)
        .map(asWritten)
        .join(", ")
        .replace(/, ([^,]*)$/, " or $1");
    case "reference":
      return `the name of a ${type.to}`;
    case "union":
      return type.of.map((member) => describeType(member, language)).join(" or ");
  }
}

/** The functions that a type takes calls of. */
export function callsOf(type: ValueType, language: LanguageDefinition): FunctionDefinition[] {
  if (type.kind === "formula") return callsOf(type.of, language);
  if (type.kind === "union") return type.of.flatMap((member) => callsOf(member, language));
  if (type.kind !== "call") return [];
  return Object.values(language.functions[type.set] ?? {}).filter(({ status }) => status === "ready");
}

/** The properties, of whatever block, that take calls of a function. */
export function settingsOf(name: string, language: LanguageDefinition): string[] {
  const properties = Object.values(language.blocks).flatMap((block) => Object.values(block.properties));
  const taking = properties.filter(({ type }) => callsOf(type, language).some((called) => called.name === name));
  return [...new Set(taking.map((property) => property.name))];
}

const asWritten = ({ name, parameters }: FunctionDefinition) => (parameters.length > 0 ? `${name}(…)` : name);

const bare = (type: ValueType, language: LanguageDefinition) => describeType(type, language).replace(/^an? /, "");

/** Several of a type: "counts of tokens". */
function plural(type: ValueType, language: LanguageDefinition): string {
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
      return `${bare(type, language)}s`;
  }
}

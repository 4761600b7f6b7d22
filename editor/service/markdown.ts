/** What the language's table says of its words, as markdown. */
import type {
  BlockDefinition,
  Documented,
  FunctionDefinition,
  PropertyDefinition,
  VariableDefinition,
} from "../../grammar/definition.ts";
import { boundsOf, defaultOf, setName, showType } from "../../grammar/generate/show_type.ts";
import { units } from "../../grammar/units.ts";
import type { MarkupContent } from "./protocol.ts";

export function markdown(...parts: readonly (string | undefined)[]): MarkupContent {
  return { kind: "markdown", value: parts.filter((part) => part !== undefined && part !== "").join("\n\n") };
}

/** Recipe text as a block of code. */
export function code(text: string): string {
  return `\`\`\`ctx\n${text}\n\`\`\``;
}

export function aboutProperty(property: PropertyDefinition, name = property.name): string[] {
  const type = [showType(property.type), boundsOf(property)].filter((part) => part !== "").join(", ");
  const byDefault = defaultOf(property);
  const choices = Object.entries(property.choices).map(([choice, meaning]) => `- \`${choice}\`: ${meaning}`);
  return [
    [`**${name}**: ${type}`, byDefault && (property.required ? byDefault : `default ${byDefault}`)]
      .filter(Boolean)
      .join(" · "),
    property.doc,
    choices.join("\n"),
    ...more(property),
  ];
}

export function aboutBlock(block: BlockDefinition): string[] {
  const label = block.label ? ` — named after the ${block.label}` : "";
  return [`**${block.name}** block${label}`, block.doc, ...more(block)];
}

export function aboutFunction(made: FunctionDefinition): string[] {
  return [
    `\`${signatureOf(made).label}\` — ${setName(made.set)}`,
    made.doc,
    made.formula ? `The same as \`${made.formula}\`.` : "",
    ...more(made),
  ];
}

export function aboutVariable(known: VariableDefinition, name = known.name): string[] {
  return [`**${name}**: ${showType(known.type)}`, known.doc, ...more(known)];
}

/** What a unit behind digits is. */
export function aboutUnit(unit: string): string {
  const known = Object.hasOwn(units, unit) ? units[unit] : undefined;
  return known ? `\`${unit}\`: ${known.doc}` : "";
}

/** A function as it is called, and where each parameter stands in that text. */
export function signatureOf({ name, parameters, variadic }: FunctionDefinition): {
  readonly label: string;
  readonly places: readonly (readonly [number, number])[];
} {
  let label = `${name}(`;
  const places = parameters.map((parameter, k) => {
    if (k > 0) label += ", ";
    const from = label.length;
    const value = parameter.default === null || parameter.default.startsWith("(") ? "" : ` = ${parameter.default}`;
    label += variadic ? `${parameter.name}, …` : `${parameter.name}${value}`;
    return [from, label.length] as const;
  });
  return { label: `${label})`, places };
}

function more(thing: Documented): string[] {
  return [
    thing.status === "planned" ? "*Planned: the compiler refuses it for now.*" : "",
    thing.deprecated ? `**Deprecated**: ${thing.deprecated}` : "",
    thing.papers.length > 0 ? `Source: ${thing.papers.join("; ")}.` : "",
    thing.examples.length > 0 ? code(thing.examples.join("\n")) : "",
  ];
}

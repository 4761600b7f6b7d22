/** `docs/reference.md`: every block, property, function, name and unit. */
import type {
  BlockDefinition,
  Documented,
  FunctionDefinition,
  LanguageDefinition,
  PropertyDefinition,
} from "../definition.ts";
import { elsewhere } from "../elsewhere.ts";
import { units } from "../units.ts";
import { boundsOf, defaultOf, setName, showType } from "./show_type.ts";
import { notice } from "./write_table.ts";

export function writeReference(language: LanguageDefinition): string {
  const top = Object.entries(language.root.children).map(([kind, child]) => {
    const link = `[\`${kind}${child.many ? " NAME" : ""}\`](#${kind})`;
    return `- ${link}${planned(language.blocks[child.block]!)}`;
  });
  return `${[
    `<!-- ${notice} -->`,
    "# Language reference",
    "A recipe is made of blocks `kind label { … }` and properties `name = value`. A line break ends a property; several may share a line.",
    'At the top level may also stand `ctx 1` (the language version), `recipe NAME`, `import "file.ctx"`, `param name = default`, `let name = value` and `require condition "why"`.',
    "What is marked *planned* is known to the language and refused by the compiler for now.",
    "## Blocks",
    top.join("\n"),
    ...Object.entries(language.blocks).map(([key, block]) => blockSection(key, block, language)),
    "## Functions",
    ...Object.entries(language.functions).map(([set, functions]) => setSection(set, Object.values(functions))),
    "## Names that expressions see",
    variables(language),
    "## Units",
    unitTable(),
    "## Names from elsewhere",
    "What transformers, PEFT, axolotl, torchtune and others call these settings. None of the names is accepted; `ctx check` tells the one to write, and `ctx fix` writes it.",
    elsewhereTable(),
  ].join("\n\n")}\n`;
}

/** Where a block stands, from the top level: `evaluate { needle }`. */
function pathOf(key: string, language: LanguageDefinition): string {
  if (Object.values(language.root.children).some((child) => child.block === key)) return "";
  for (const parent of Object.values(language.blocks)) {
    for (const [kind, child] of Object.entries(parent.children)) {
      if (child.block === key) return `${parent.name}.${kind}`;
    }
  }
  return "";
}

function blockSection(key: string, block: BlockDefinition, language: LanguageDefinition): string {
  const title = pathOf(key, language) || block.name;
  const parts = [`### ${title}`, planned(block).trim(), about(block)].filter((part) => part !== ""); // a heading is its anchor
  if (block.label) parts.push(`Labelled with the name of the ${block.label}.`);
  const properties = Object.values(block.properties);
  if (properties.length > 0) parts.push(propertyTable(properties));
  const children = Object.keys(block.children);
  if (block.overrides.length > 0) {
    parts.push(`Blocks that it may override: ${block.overrides.map((kind) => `\`${kind}\``).join(", ")}.`);
  } else if (children.length > 0) {
    parts.push(`Blocks in it: ${children.map((kind) => `\`${kind}\``).join(", ")}.`);
  }
  parts.push(examples(block));
  return parts.filter((part) => part !== "").join("\n\n");
}

function setSection(set: string, functions: FunctionDefinition[]): string {
  const title = setName(set);
  return [`### ${title[0]!.toUpperCase()}${title.slice(1)}`, ...functions.map(functionSection)].join("\n\n");
}

function functionSection(made: FunctionDefinition): string {
  const signature = made.parameters.map((parameter) => {
    const value = parameter.default === null ? "" : ` = ${parameter.default}`;
    return `${parameter.name}${made.variadic ? ", …" : value}`;
  });
  const called = made.parameters.length === 0 ? made.name : `${made.name}(${signature.join(", ")})`;
  const parts = [`#### \`${called}\``, planned(made).trim(), about(made)].filter((part) => part !== "");
  if (made.formula) parts.push(`The same as \`${made.formula}\`.`);
  if (made.parameters.some((parameter) => parameter.doc !== "")) parts.push(propertyTable(made.parameters));
  parts.push(examples(made));
  return parts.filter((part) => part !== "").join("\n\n");
}

function propertyTable(properties: PropertyDefinition[]): string {
  const rows = properties.map((property) => {
    const choices = Object.entries(property.choices).map(([name, meaning]) => `\`${name}\`: ${meaning}`);
    const text = [about(property).replaceAll("\n\n", " "), choices.join("; ")].filter((part) => part !== "").join(" ");
    const type = [showType(property.type), boundsOf(property)].filter((part) => part !== "").join(", ");
    return `| \`${property.name}\`${planned(property)} | ${cell(type)} | ${cell(defaultOf(property))} | ${cell(text)} |`;
  });
  return ["| name | value | default | |", "|---|---|---|---|", ...rows].join("\n");
}

function about(thing: Documented): string {
  const papers = thing.papers.length > 0 ? `Source: ${thing.papers.join("; ")}.` : "";
  const deprecated = thing.deprecated ? `**Deprecated**: ${thing.deprecated}` : "";
  return [thing.doc, deprecated, papers].filter((part) => part !== "").join("\n\n");
}

function examples(thing: Documented): string {
  return thing.examples.map((text) => `\`\`\`ctx\n${text}\n\`\`\``).join("\n\n");
}

function variables(language: LanguageDefinition): string {
  const rows = Object.values(language.variables).map((variable) => {
    const where = { always: "everywhere", stage: "in formulas of a stage", named: "where the property says so" };
    return `| \`${variable.name}\` | ${showType(variable.type)} | ${where[variable.scope]} | ${cell(variable.doc)} |`;
  });
  return ["| name | value | seen | |", "|---|---|---|---|", ...rows].join("\n");
}

function unitTable(): string {
  const rows = Object.entries(units).map(([suffix, unit]) => `| \`1${suffix}\` | ${unit.doc} |`);
  return ["| written | means |", "|---|---|", ...rows].join("\n");
}

/** A row for each name of other tools; the same setting of several kinds of model is told once. */
function elsewhereTable(): string {
  const here = new Map<string, Set<string>>();
  for (const [owner, properties] of Object.entries(elsewhere)) {
    for (const [property, names] of Object.entries(properties)) {
      for (const name of names) here.set(name, (here.get(name) ?? new Set()).add(`\`${property}\` of \`${owner}\``));
    }
  }
  const rows = [...here]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, uses]) => `| \`${name}\` | ${[...uses].join(", ")} |`);
  return ["| elsewhere | here |", "|---|---|", ...rows].join("\n");
}

function planned(thing: Documented): string {
  return thing.status === "planned" ? " *(planned)*" : "";
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

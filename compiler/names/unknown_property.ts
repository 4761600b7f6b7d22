import type { Expression, NameNode, Statement } from "../../grammar/ast.ts";
import type { BlockDefinition } from "../../grammar/definition.ts";
import { adviceOn, calledHere, ownersOf } from "../../grammar/elsewhere.ts";
import type { Fix } from "../diagnostics/diagnostic.ts";
import { closest, hint } from "../diagnostics/suggest.ts";
import type { Naming } from "./section.ts";

/**
 * A property that the block does not have: a misspelling, a neighbour's property, or neither. Gives what a misspelt name
 * most likely means.
 */
export function reportUnknownProperty(
  { name, value, body }: Unknown,
  block: BlockDefinition,
  owner: string,
  naming: Naming,
): string | undefined {
  const { language, report, file } = naming;
  const at = { file, start: name.start, end: name.end };
  const here = calledHere(block.name, name.name);
  if (here !== undefined && Object.hasOwn(block.properties, here)) {
    const fixes: Fix[] = [{ title: `${here} instead of ${name.name}`, safety: "safe", edits: [{ ...at, text: here }] }];
    report.add("CTX2001", at, { block: owner, name: name.name, hint: `it is called ${here} here` }, { fixes });
    return here;
  }
  const rule = block.name === "train" ? ruleArgument(name.name, language) : undefined;
  if (rule !== undefined) {
    const fixes = intoRule({ name, value, body }, rule, naming);
    const hint = `it is ${rule} of adamw(…) here: write optimizer = adamw(${rule}: …)`;
    if (rule !== name.name) report.add("CTX2001", at, { block: owner, name: name.name, hint }, { fixes });
    else report.add("CTX2003", at, { name: name.name, block: owner, owner: "adamw(…)" }, { fixes });
    return undefined;
  }
  const known = [...Object.keys(block.properties), ...Object.keys(block.children)];
  const advice = adviceOn(name.name);
  if (advice !== undefined) {
    report.add("CTX2001", at, { block: owner, name: name.name, hint: advice });
    return undefined;
  }
  const meant = closest(name.name, known);
  if (meant !== undefined) {
    const title = `${meant} instead of ${name.name}`;
    const fixes: Fix[] = [{ title, safety: "safe", edits: [{ ...at, text: meant }] }];
    report.add("CTX2001", at, { block: owner, name: name.name, hint: `did you mean ${meant}?` }, { fixes });
    return meant;
  }
  if (Object.hasOwn(block.children, name.name) && value.kind === "map") {
    report.add("CTX2001", at, { block: owner, name: name.name, hint: `${name.name} is a block: write it without =` });
    return undefined;
  }
  const elsewhere = owners(name.name, language);
  if (elsewhere.length > 0) {
    report.add("CTX2003", at, { name: name.name, block: owner, owner: elsewhere.join(" or ") });
    return undefined;
  }
  report.add("CTX2001", at, {
    block: owner,
    name: name.name,
    hint: foreign(name.name, language) ?? hint(name.name, known),
  });
  return undefined;
}

/** The argument of adamw(…) that a property of `train` means, under its own name or another tool's. */
function ruleArgument(name: string, language: Naming["language"]): string | undefined {
  const called = calledHere("adamw", name) ?? name;
  const { parameters } = language.functions.optimizer!.adamw!;
  return parameters.some((parameter) => parameter.name === called) ? called : undefined;
}

/**
 * Moves a property of `train` into the rule of its steps: into the call that is there, or into one of its own. None where
 * that says it already, or is no call. One at a time: the next finds the call that this one leaves.
 */
function intoRule({ name, value, body }: Unknown, argument: string, { language, file, text, inner }: Naming): Fix[] {
  const properties = body.filter((node) => node.kind === "property");
  const rules = properties.filter((node) => node.name.name === "optimizer");
  const title = `adamw(${argument}: …) instead of ${name.name}`;
  if (rules.length === 0) {
    const first = properties.find((node) => ruleArgument(node.name.name, language) !== undefined);
    if (first?.name !== name) return [];
    const edits = [
      { file, start: name.start, end: value.start, text: `optimizer = adamw(${argument}: ` },
      { file, start: value.end, end: value.end, text: ")" },
    ];
    // In a stage's train this hides the optimizer of the top level, with all else that it says.
    return [{ title, safety: inner ? "review" : "safe", edits }];
  }
  const rule = rules[0]!.value;
  if (rules.length > 1 || rule.kind === "error") return [];
  const written = `${argument}: ${text.slice(value)}`;
  const own = properties.find((node) => node.name === name)!;
  const gone = { file, ...withBlanks(own, text), text: "" };
  if (rule.kind === "name" && rule.name === "adamw")
    return [{ title, safety: "safe", edits: [{ file, start: rule.end, end: rule.end, text: `(${written})` }, gone] }];
  if (rule.kind !== "call" || rule.callee.kind !== "name" || rule.callee.name !== "adamw") return [];
  const given = rule.arguments.map((each, k) =>
    each.name
      ? (calledHere("adamw", each.name.name) ?? each.name.name)
      : language.functions.optimizer!.adamw!.parameters[k]?.name,
  );
  if (given.includes(argument)) return [];
  const last = rule.arguments.at(-1);
  const at = last?.end ?? rule.end - 1;
  return [
    { title, safety: "safe", edits: [{ file, start: at, end: at, text: `${last ? ", " : ""}${written}` }, gone] },
  ];
}

/** A statement with the blanks before it, and with its line if it stands alone there. */
function withBlanks({ start, end }: { start: number; end: number }, { text }: Naming["text"]) {
  let from = start;
  while (from > 0 && /[ \t]/.test(text[from - 1]!)) from--;
  const alone = /[\n\r]/.test(text[from - 1] ?? "\n") && /^[ \t]*(?:[\n\r]|$)/.test(text.slice(end));
  const line = alone && text.slice(end).match(/^[ \t]*(?:\r\n|\n|\r)?/)![0].length;
  return { start: from, end: end + (line || 0) };
}

/** A property as written, among the others of its block. */
interface Unknown {
  readonly name: NameNode;
  readonly value: Expression;
  readonly body: readonly Statement[];
}

/** Where a name of other tools belongs: "it is lr of adamw(…) here". */
function foreign(name: string, language: Naming["language"]): string | undefined {
  const [first] = ownersOf(name);
  if (!first) return undefined;
  const isBlock = Object.values(language.blocks).some((block) => block.name === first.owner);
  return `it is ${first.property} of ${first.owner}${isBlock ? "" : "(…)"} here`;
}

/** Blocks and calls that take a property of this name. */
function owners(name: string, language: Naming["language"]): string[] {
  const blocks = Object.values(language.blocks).filter((block) => Object.hasOwn(block.properties, name));
  const calls = Object.values(language.functions)
    .flatMap((set) => Object.values(set))
    .filter((call) => call.returns === null && call.parameters.some((parameter) => parameter.name === name));
  return [...blocks.map((block) => kindOf(block.name, language)), ...calls.map((call) => `${call.name}(…)`)].slice(
    0,
    3,
  );
}

/** The kind under which recipes write a block. */
function kindOf(block: string, language: Naming["language"]): string {
  for (const parent of [language.root, ...Object.values(language.blocks)]) {
    for (const [kind, child] of Object.entries(parent.children)) if (child.block === block) return kind;
  }
  return block;
}

import type { Expression, NameNode } from "../../grammar/ast.ts";
import type { BlockDefinition } from "../../grammar/definition.ts";
import { calledHere, ownersOf } from "../../grammar/elsewhere.ts";
import type { Fix } from "../diagnostics/diagnostic.ts";
import { closest, hint } from "../diagnostics/suggest.ts";
import type { Naming } from "./section.ts";

/**
 * A property that the block does not have: a misspelling, a neighbour's property, or neither. Gives what a misspelt name
 * most likely means.
 */
export function reportUnknownProperty(
  name: NameNode,
  value: Expression,
  block: BlockDefinition,
  owner: string,
  { language, report, file }: Naming,
): string | undefined {
  const at = { file, start: name.start, end: name.end };
  const here = calledHere(block.name, name.name);
  if (here !== undefined && Object.hasOwn(block.properties, here)) {
    const fixes: Fix[] = [{ title: `${here} instead of ${name.name}`, safety: "safe", edits: [{ ...at, text: here }] }];
    report.add("CTX2001", at, { block: owner, name: name.name, hint: `it is called ${here} here` }, { fixes });
    return here;
  }
  const known = [...Object.keys(block.properties), ...Object.keys(block.children)];
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

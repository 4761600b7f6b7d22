import type { LanguageDefinition, ValueType } from "../../grammar/definition.ts";
import { childOf, childrenOf, type Section } from "./section.ts";

/** Bare words that some property of a recipe takes. */
export type KnownWords = () => ReadonlySet<string>;

/** Those of the language, and the names of the recipe's sources and stages; collected when they are first asked for, which few recipes need. */
export function knownWords(language: LanguageDefinition, root: Section): KnownWords {
  let words: ReadonlySet<string> | undefined;
  const collect = () => {
    const data = childOf(root, "data");
    const named = [...(data ? childrenOf(data, "source") : []), ...childrenOf(root, "stage")];
    return new Set([...named.flatMap(({ label }) => label ?? []), ...wordsOf(language)]);
  };
  return () => {
    words ??= collect();
    return words;
  };
}

/** Words that any property or argument takes: choices, and functions written without arguments. */
function* wordsOf(language: LanguageDefinition): Generator<string> {
  const functions = Object.values(language.functions).flatMap((set) => Object.values(set));
  for (const { name } of functions) yield name;
  const properties = [
    ...Object.values(language.blocks).flatMap((block) => Object.values(block.properties)),
    ...functions.flatMap(({ parameters }) => parameters),
  ];
  for (const { type } of properties) yield* choicesOf(type);
}

function* choicesOf(type: ValueType): Generator<string> {
  if (type.kind === "choice") yield* type.choices;
  else if (type.kind === "union") for (const member of type.of) yield* choicesOf(member);
  else if ("of" in type) yield* choicesOf(type.of as ValueType);
}

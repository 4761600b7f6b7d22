import type { Meaning } from "./meaning.ts";
import { wordsOf } from "./names.ts";
import type { Range } from "./protocol.ts";
import type { Snapshot } from "./snapshot.ts";
import { objects, variable } from "./vocabulary.ts";

/** Names of the kinds and modifiers of tokens, whose indices the numbers of `semanticTokens` are. */
export const tokenTypes = [
  "keyword",
  "namespace",
  "property",
  "variable",
  "parameter",
  "function",
  "enumMember",
  "struct",
] as const;
export const tokenModifiers = ["declaration", "readonly", "defaultLibrary"] as const;

type Kind = (typeof tokenTypes)[number];
type Modifier = (typeof tokenModifiers)[number];

/**
 * The words whose meaning the syntax does not show, five numbers each: lines and characters from the one before, length,
 * kind, modifiers.
 */
export function semanticTokens(snapshot: Snapshot, range?: Range): number[] {
  const [from, to] = range ? [snapshot.offset(range.start), snapshot.offset(range.end)] : [0, Number.POSITIVE_INFINITY];
  const data: number[] = [];
  let [line, character] = [0, 0];
  for (const word of wordsOf(snapshot)) {
    const shown = kindOf(word);
    if (!shown || word.end < from || word.start > to) continue;
    const at = snapshot.text.position(word.start);
    const [kind, ...modifiers] = shown;
    data.push(
      at.line - line,
      at.line === line ? at.character - character : at.character,
      word.end - word.start,
      tokenTypes.indexOf(kind),
      modifiers.reduce((bits, modifier) => bits | (1 << tokenModifiers.indexOf(modifier)), 0),
    );
    ({ line, character } = at);
  }
  return data;
}

/** Undefined for words that mean nothing to the language: the grammar of colours alone decides. */
function kindOf({ name, role }: Meaning): [Kind, ...Modifier[]] | undefined {
  switch (role.kind) {
    case "block":
      return role.definition && ["struct", "defaultLibrary"];
    case "label":
      return ["namespace", "declaration"];
    case "property":
      return role.definition && ["property"];
    case "definition":
      return role.node.kind === "param" ? ["variable", "declaration"] : ["variable", "declaration", "readonly"];
    case "recipe":
      return ["namespace", "declaration"];
    case "function":
      return role.definition && ["function", "defaultLibrary"];
    case "argument":
      return role.definition && ["parameter"];
    case "choice":
      return ["enumMember", "defaultLibrary"];
    case "reference":
      return ["namespace"];
    case "name":
      return objects.has(name) || variable(name)
        ? ["variable", "readonly", "defaultLibrary"]
        : ["variable", "readonly"];
    case "member":
      return variable(role.path) && ["property", "readonly"];
    case "measure":
      return ["property"];
    case "key":
      return undefined;
  }
}

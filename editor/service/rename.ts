import { isReserved } from "../../compiler/names/reserved.ts";
import { keywordNames } from "../../grammar/words.ts";
import { allOccurrences, declarationPlaces } from "./definition.ts";
import { declarationsOf, namedBy, wordAt } from "./names.ts";
import type { Position, Range, TextEdit, WorkspaceEdit } from "./protocol.ts";
import type { Snapshot } from "./snapshot.ts";

/** Why something can't be renamed, or not so; for a person. */
export interface Refusal {
  readonly refused: string;
}

/** What would be renamed. */
export function prepareRename(
  snapshot: Snapshot,
  position: Position,
): { readonly range: Range; readonly placeholder: string } | Refusal {
  const word = wordAt(snapshot, snapshot.offset(position));
  if (!word) return { refused: "there is no name here" };
  const named = namedBy(word);
  if (!named) return { refused: `${word.name} is a word of the language` };
  const [home] = declarationPlaces(named, snapshot);
  if (!home) return { refused: `${word.name} is not defined` };
  if (snapshot.sources.texts.get(home.file)?.slice(home) !== word.name)
    return { refused: `stage ${word.name} is named by its length in the curriculum` };
  return { range: snapshot.range(word), placeholder: word.name };
}

/** Renames what stands at a position, in all files that write its name. */
export function rename(
  snapshot: Snapshot,
  position: Position,
  newName: string,
  others: readonly Snapshot[] = [],
): WorkspaceEdit | Refusal {
  const prepared = prepareRename(snapshot, position);
  if ("refused" in prepared) return prepared;
  const named = namedBy(wordAt(snapshot, snapshot.offset(position))!)!;
  if (newName === named.name) return { changes: {} };
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(newName) || keywordNames.has(newName))
    return {
      refused: `${JSON.stringify(newName)} is no name: letters, digits and _, no digit first, and no word of the syntax`,
    };
  if (named.space === "value" && isReserved(newName)) return { refused: `${newName} is a name of the language` };
  const taken = snapshot.sources.files.some(({ tree }) => {
    const { values, sources } = declarationsOf(tree);
    return (named.space === "source" ? sources : values).some(({ name }) => name === newName);
  });
  if (taken) return { refused: `there is another ${newName}` };
  const changes: { [uri: string]: TextEdit[] } = {};
  for (const { location } of allOccurrences(named, snapshot, others)) {
    changes[location.uri] ??= [];
    changes[location.uri]!.push({ range: location.range, newText: newName });
  }
  return { changes };
}

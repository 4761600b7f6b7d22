import { isReserved } from "../../compiler/names/reserved.ts";
import { keywordNames } from "../../grammar/words.ts";
import { allOccurrences, declarationPlaces } from "./definition.ts";
import { meaningsOf } from "./meaning.ts";
import { declarationsOf, definedNames, namedBy, wordAt } from "./names.ts";
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
  const found = { range: snapshot.range(word), placeholder: word.name };
  if (word.role.kind === "recipe") return found;
  const named = namedBy(word);
  if (!named) return { refused: `${word.name} is a word of the language` };
  const [home] = declarationPlaces(named, snapshot);
  if (!home) return { refused: `${word.name} is not defined` };
  // A name written with dashes is reported, and taken for the one with underscores.
  if (snapshot.sources.texts.get(home.file)?.slice(home).replaceAll("-", "_") !== word.name)
    return { refused: `stage ${word.name} is named by its length in the curriculum` };
  return found;
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
  if (newName === prepared.placeholder) return { changes: {} };
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(newName) || keywordNames.has(newName))
    return {
      refused: `${JSON.stringify(newName)} is no name: letters, digits and _, no digit first, and no word of the syntax`,
    };
  const word = wordAt(snapshot, snapshot.offset(position))!;
  const named = namedBy(word);
  // The name of the recipe stands nowhere else.
  if (!named)
    return { changes: { [snapshot.workspace.uri(snapshot.file)]: [{ range: prepared.range, newText: newName }] } };
  if (named.space === "value" && isReserved(newName)) return { refused: `${newName} is a name of the language` };
  const taken = snapshot.sources.files.some(({ tree }) => {
    const { values, sources } = declarationsOf(tree);
    return (named.space === "source" ? sources : values).some(({ name }) => name === newName);
  });
  if (taken) return { refused: `there is another ${newName}` };
  if (named.space === "value" && meansSomething(newName, snapshot))
    return { refused: `${newName} means something else in this recipe` };
  const changes: { [uri: string]: TextEdit[] } = {};
  for (const { location } of allOccurrences(named, snapshot, others)) {
    changes[location.uri] ??= [];
    changes[location.uri]!.push({ range: location.range, newText: newName });
  }
  return { changes };
}

/** Whether a word is written somewhere as a choice, a call without arguments or a source: a `let` of its name could take its place. */
function meansSomething(name: string, { sources: { files } }: Snapshot): boolean {
  const defined = definedNames(files);
  return files.some(({ tree }) =>
    meaningsOf(tree, defined).some(
      ({ name: other, role }) => other === name && ["choice", "function", "reference", "name"].includes(role.kind),
    ),
  );
}

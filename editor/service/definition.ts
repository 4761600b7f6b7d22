import type { Place } from "../../compiler/diagnostics/diagnostic.ts";
import { folderOf, joinPath } from "../../compiler/path.ts";
import { declarationsOf, type Named, namedBy, occurrencesOf, wordAt } from "./names.ts";
import type { Location, Position } from "./protocol.ts";
import type { Snapshot } from "./snapshot.ts";

/** Where what stands at a position is defined: a `let`, `param`, source or stage, or an imported file. */
export function definitionAt(snapshot: Snapshot, position: Position): Location[] {
  const offset = snapshot.offset(position);
  const imported = importAt(snapshot, offset);
  if (imported) return [{ uri: snapshot.workspace.uri(imported.file), range: { start: origin, end: origin } }];
  const word = wordAt(snapshot, offset);
  const named = word && namedBy(word);
  return named ? declarationPlaces(named, snapshot).flatMap((place) => snapshot.location(place) ?? []) : [];
}

const origin = { line: 0, character: 0 };

/** The file that the import at an offset names, if it can be read. */
export function importAt(snapshot: Snapshot, offset: number): Place | undefined {
  for (const node of snapshot.tree.body) {
    if (node.kind !== "import" || !node.path || offset < node.start || offset > node.end) continue;
    const file = joinPath(folderOf(snapshot.file), node.path.value);
    return snapshot.workspace.host.readText(file) === undefined
      ? undefined
      : { file, start: node.path.start, end: node.path.end };
  }
  return undefined;
}

/** Where a name is declared, the place that counts first: a recipe's own before an imported one. */
export function declarationPlaces(named: Named, snapshot: Snapshot): Place[] {
  const places = snapshot.sources.files.flatMap(({ name: file, tree }) => {
    const { values, sources } = declarationsOf(tree);
    const list = named.space === "source" ? sources : values;
    return list.filter(({ name }) => name === named.name).map(({ at }) => ({ file, start: at.start, end: at.end }));
  });
  if (places.length > 0 || named.space === "source") return places;
  return generatedStage(named.name, snapshot);
}

/** A stage that a curriculum makes stands where its length does. */
function generatedStage(name: string, { analysis: { workings } }: Snapshot): Place[] {
  const k = workings.stages.findIndex((stage) => stage.name === name);
  const place =
    k < 0 ? undefined : (workings.trace.exact(`/stages/${k}/length`) ?? workings.trace.exact(`/stages/${k}`));
  return place ? [place] : [];
}

/** Everywhere that the name at a position is written: in the recipe, in what it imports, and in other recipes that share those files. */
export function referencesAt(
  snapshot: Snapshot,
  position: Position,
  { declarations, others }: { readonly declarations: boolean; readonly others: readonly Snapshot[] },
): Location[] {
  const word = wordAt(snapshot, snapshot.offset(position));
  const named = word && namedBy(word);
  if (!named) return [];
  return allOccurrences(named, snapshot, others)
    .filter(({ declares }) => declarations || !declares)
    .map(({ location }) => location);
}

export interface FoundOccurrence {
  readonly location: Location;
  readonly declares: boolean;
}

/** The occurrences of a name in a recipe and in those of the others that import a file in which it is declared, each place once. */
export function allOccurrences(named: Named, snapshot: Snapshot, others: readonly Snapshot[]): FoundOccurrence[] {
  const own = occurrencesOf(named, snapshot);
  const homes = new Set(own.filter(({ declares }) => declares).map(({ file }) => file));
  const sharing = others.filter(
    (other) => other.file !== snapshot.file && other.sources.files.some(({ name }) => homes.has(name)),
  );
  const found = new Map<string, FoundOccurrence>();
  for (const [view, list] of [
    [snapshot, own] as const,
    ...sharing.map((other) => [other, occurrencesOf(named, other)] as const),
  ]) {
    for (const { declares, ...place } of list) {
      const location = view.location(place);
      if (location) found.set(`${place.file} ${place.start}`, { location, declares });
    }
  }
  return [...found.values()];
}

export interface DocumentHighlight {
  readonly range: Location["range"];
  /** 2: read, 3: write. */
  readonly kind: 2 | 3;
}

/** The occurrences of the name at a position in the document itself. */
export function highlightsAt(snapshot: Snapshot, position: Position): DocumentHighlight[] {
  const word = wordAt(snapshot, snapshot.offset(position));
  const named = word && namedBy(word);
  if (!named) return [];
  return occurrencesOf(named, snapshot)
    .filter(({ file }) => file === snapshot.file)
    .map((place) => ({ range: snapshot.range(place), kind: place.declares ? 3 : 2 }));
}

import type { Place } from "../../compiler/diagnostics/diagnostic.ts";
import { isReserved } from "../../compiler/names/reserved.ts";
import type { SourceFile } from "../../compiler/names/scope.ts";
import type { BlockNode, FileNode, LetNode, ParamNode } from "../../grammar/ast.ts";
import { type Meaning, meaningAt, meaningsOf } from "./meaning.ts";
import type { Snapshot } from "./snapshot.ts";
import { objects, variable } from "./vocabulary.ts";

/** What a recipe names itself: `let`s, `param`s and stages share the names of formulas, sources have their own. */
export interface Named {
  readonly space: "value" | "source";
  readonly name: string;
}

/** A place where a name is written. */
export interface Occurrence extends Place {
  readonly declares: boolean;
}

/** Names of `let`s, `param`s and stages, of a recipe and of what it imports. */
export function definedNames(files: readonly SourceFile[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { tree } of files) for (const { name } of declarationsOf(tree).values) names.add(name);
  return names;
}

/** Something that a file names. */
export interface Declaration {
  readonly name: string;
  readonly at: { readonly start: number; readonly end: number };
  readonly node: LetNode | ParamNode | BlockNode;
}

export interface Declarations {
  readonly values: readonly Declaration[];
  readonly sources: readonly Declaration[];
}

const declared = new WeakMap<FileNode, Declarations>();

/** What a file's own statements name, in the order of the text. */
export function declarationsOf(tree: FileNode): Declarations {
  const known = declared.get(tree);
  if (known) return known;
  const values: Declaration[] = [];
  const sources: Declaration[] = [];
  for (const node of tree.body) {
    if ((node.kind === "let" || node.kind === "param") && node.name)
      values.push({ name: node.name.name, at: node.name, node });
    else if (node.kind === "block" && node.type.name === "stage" && node.label)
      values.push({ name: node.label.name, at: node.label, node });
    else if (node.kind === "block" && node.type.name === "data")
      for (const inner of node.body)
        if (inner.kind === "block" && inner.type.name === "source" && inner.label)
          sources.push({ name: inner.label.name, at: inner.label, node: inner });
  }
  const made = { values, sources };
  declared.set(tree, made);
  return made;
}

/** The words of the snapshot's own file. */
export function wordsOf(snapshot: Snapshot): readonly Meaning[] {
  return meaningsOf(snapshot.tree, definedNames(snapshot.sources.files));
}

/** The word at an offset of the snapshot's own file. */
export function wordAt(snapshot: Snapshot, offset: number): Meaning | undefined {
  return meaningAt(wordsOf(snapshot), offset);
}

/** What a word names of the recipe's own; undefined for words of the language. */
export function namedBy({ name, role, statement }: Meaning): Named | undefined {
  switch (role.kind) {
    case "definition":
      return { space: "value", name };
    case "label":
      if (role.of === null) return undefined;
      return { space: role.of === "source" ? "source" : "value", name };
    case "reference":
      return { space: role.to === "source" ? "source" : "value", name };
    case "name":
      // `tokens` in a filter, `length` in a formula.
      return variable(name) || objects.has(name) || isReserved(name) || statement.kind === "recipe"
        ? undefined
        : { space: "value", name };
    default:
      return undefined;
  }
}

/** Everywhere in a recipe and its imports that a name is written. */
export function occurrencesOf({ space, name }: Named, { sources: { files } }: Snapshot): Occurrence[] {
  const defined = definedNames(files);
  return files.flatMap(({ name: file, tree }) =>
    meaningsOf(tree, defined)
      .filter((meaning) => meaning.name === name && namedBy(meaning)?.space === space)
      .map(({ start, end, role }) => ({
        file,
        start,
        end,
        declares: role.kind === "definition" || role.kind === "label",
      })),
  );
}

import type { Section } from "./section.ts";

/** A block that the language does not know, and of which nobody can say what is meant. */
export interface Stranger {
  /** Whether it has a label, as only stages do at the top. */
  readonly labelled: boolean;
  /** What is advised instead, where the name is another tool's. */
  readonly advice: string | undefined;
}

/** The kinds of blocks that a recipe's strangers may stand for, or may stand in: what is said there is not known. */
export function uncertainKinds(root: Section): Set<string> {
  const kinds = new Set<string>();
  addMeant(root, Object.keys(root.definition.children), kinds);
  for (const child of root.children) {
    if (child.kind === "stage") {
      addMeant(child, child.definition.overrides, kinds);
      for (const own of child.children) if (holdsStranger(own)) kinds.add(own.kind);
    } else if (holdsStranger(child)) kinds.add(child.kind);
  }
  if (kinds.has("curriculum")) kinds.add("stage");
  return kinds;
}

/** Of a block's own strangers: what the advice names, else any kind of child that is not there. */
function addMeant({ strangers, children, definition }: Section, possible: readonly string[], kinds: Set<string>): void {
  const there = new Set(children.map(({ kind }) => kind));
  for (const { labelled, advice } of strangers ?? []) {
    const advised = advice?.match(/(\w+) \{/)?.[1];
    if (advised !== undefined && possible.includes(advised)) kinds.add(advised);
    else {
      for (const kind of possible) {
        const named = Boolean(definition.children[kind]?.many);
        if (labelled ? named : !there.has(kind) && !named) kinds.add(kind);
      }
      // Stages are written out, or a curriculum makes them: a second way to say it there is not.
      if (!labelled && there.has("stage")) kinds.delete("curriculum");
    }
  }
}

function holdsStranger({ strangers, children }: Section): boolean {
  return (strangers?.length ?? 0) > 0 || children.some(holdsStranger);
}

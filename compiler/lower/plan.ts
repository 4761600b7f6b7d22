import type { FileNode } from "../../grammar/ast.ts";
import type { Plan, PlanPlace, PlanSource } from "../plan.ts";
import type { Lowering } from "./lowering.ts";
import type { Lowered } from "./recipe.ts";
import { sha256 } from "./sha256.ts";

/** A plan as far as the run depends on it: what checks look at. The rest of the document is only for its readers. */
export interface PlanDraft extends Lowered {
  readonly source: Pick<PlanSource, "file">;
}

/** The draft as a whole document: with its name, its text's hash, its defaults and its trace. */
export function finishPlan(draft: PlanDraft, text: string, tree: FileNode, lowering: Lowering): Plan {
  return {
    version: 2,
    recipe: nameOf(tree, lowering.file),
    ...draft,
    source: { ...draft.source, sha256: sha256(text) },
    defaults: lowering.defaults,
    trace: placesOf(lowering),
  };
}

/** `recipe NAME`, else the file's name without its ending. */
function nameOf(tree: FileNode, file: string): string {
  for (const node of tree.body) if (node.kind === "recipe" && node.name) return node.name.name;
  const base = file.slice(file.lastIndexOf("/") + 1).replace(/\.ctx$/, "");
  return base || "recipe";
}

function placesOf({ trace, texts }: Lowering): { [pointer: string]: PlanPlace } {
  const places: { [pointer: string]: PlanPlace } = {};
  for (const [pointer, { file, start }] of trace.entries()) {
    const position = texts.get(file)?.position(start);
    if (position) places[pointer] = { file, ...position };
  }
  return places;
}

import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { nodeHost } from "../../cli/host.ts";
import { Snapshot } from "../../editor/service/index.ts";
import { hostOf, recipeOf } from "../diagnostics/fixture.ts";

const named = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".ctx"))
    .map((name) => join(folder, name));

/** Recipes that check clean, as they lie in the repository. */
export const sound = [...named("recipes"), ...named("recipes/published")];

/** Recipes with a mistake each. */
export const broken = named("test/diagnostics/recipes");

/** A snapshot of one of them, or of another text in its place. */
export function snapshotOf(name: string, text?: string): Snapshot {
  const content = readFileSync(name, "utf8");
  const uri = (file: string) => file;
  if (sound.includes(name)) return new Snapshot(resolve(name), text ?? content, { host: nodeHost(), uri });
  const recipe = recipeOf(content);
  return new Snapshot("recipe.ctx", text ?? recipe, { host: hostOf(recipe), uri });
}

import { existsSync } from "node:fs";
import { dirname, extname, resolve } from "node:path";
import type { Plan } from "../compiler/plan.ts";
import { Failure } from "../runtime/run/failure.ts";
import { readPlan } from "../runtime/run/folder.ts";

export interface PlanSourceFile {
  plan: Plan;
  /** Folder that the plan's relative paths start from. */
  base: string;
  /** The recipe's file; null when a plan was given. */
  recipe: string | null;
}

/**
 * The plan that a file stands for: a recipe is compiled, a plan.json read and validated.
 *
 * @param settings `name=value` for the recipe's params
 * @throws Failure when there is no such file, or the recipe has errors (printed before)
 */
export async function planFrom(
  file: string,
  settings: readonly string[],
  options: { quiet: boolean; device?: "cpu" | "cuda" | undefined } = { quiet: false },
): Promise<PlanSourceFile> {
  if (!existsSync(file)) throw new Failure("input", `${file} does not exist`);
  if (extname(file) === ".json") {
    if (settings.length > 0) throw new Failure("usage", "--set needs a recipe; a plan is final");
    const plan = readPlan(file);
    return { plan, base: planBase(plan, file), recipe: null };
  }
  const { compileFile } = await import("./compile_file.ts");
  return { plan: compileFile(file, settings, options), base: dirname(resolve(file)), recipe: resolve(file) };
}

/** The recipe's folder where it is still there, else the plan's own. */
function planBase(plan: Plan, file: string): string {
  const recipe = resolve(plan.source.file);
  return dirname(existsSync(recipe) ? recipe : resolve(file));
}

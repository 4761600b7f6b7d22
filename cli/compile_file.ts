import { type JsonFile, jsonFile } from "../compiler/diagnostics/json.ts";
import { planFaults } from "../compiler/index.ts";
import type { Plan } from "../compiler/plan.ts";
import { Failure } from "../runtime/run/failure.ts";
import { nodeHost } from "./host.ts";
import { analyzeFile, countText, printDiagnostics } from "./recipe_file.ts";

/** A recipe that makes no plan, with what is wrong with it for the document of `--json`. */
class FaultyRecipe extends Failure {
  readonly files: readonly JsonFile[];

  constructor(message: string, files: readonly JsonFile[]) {
    super("input", message, "ctx explain CODE tells more");
    this.files = files;
  }
}

/**
 * The plan of a recipe file. Diagnostics are printed to stderr, notes left out.
 *
 * @param settings `name=value` for the recipe's params
 * @param options `quiet`: of the diagnostics only errors are printed; `device`: what the plan is for where the recipe does not say
 * @throws Failure when the recipe has errors
 */
export function compileFile(
  file: string,
  settings: readonly string[],
  options: { quiet: boolean; device?: "cpu" | "cuda" | undefined } = { quiet: false },
): Plan {
  const analysis = analyzeFile(file, settings, nodeHost(undefined, options.device));
  const shown = analysis.diagnostics.filter(
    ({ severity }) => severity === "error" || (severity === "warning" && !options.quiet),
  );
  printDiagnostics(analysis, process.stderr, shown);
  if (!analysis.plan) throw new FaultyRecipe(`${file} has ${countText(shown)}`, [jsonFile(analysis)]);
  const [fault] = planFaults(analysis.plan);
  if (fault !== undefined) throw new Error(`the compiler made a plan that does not fit its schema: ${fault}`);
  return analysis.plan;
}

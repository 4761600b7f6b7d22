import { planFaults } from "../compiler/index.ts";
import type { Plan } from "../compiler/plan.ts";
import { Failure } from "../runtime/run/failure.ts";
import { analyzeFile, countText, printDiagnostics } from "./recipe_file.ts";

/**
 * The plan of a recipe file. Diagnostics are printed to stderr, notes left out.
 *
 * @param settings `name=value` for the recipe's params
 * @param options `quiet`: of the diagnostics only errors are printed
 * @throws Failure when the recipe has errors
 */
export function compileFile(
  file: string,
  settings: readonly string[],
  options: { quiet: boolean } = { quiet: false },
): Plan {
  const analysis = analyzeFile(file, settings);
  const shown = analysis.diagnostics.filter(
    ({ severity }) => severity === "error" || (severity === "warning" && !options.quiet),
  );
  printDiagnostics(analysis, process.stderr, shown);
  if (!analysis.plan) throw new Failure("input", `${file} has ${countText(shown)}`, "ctx explain CODE tells more");
  const [fault] = planFaults(analysis.plan);
  if (fault !== undefined) throw new Error(`the compiler made a plan that does not fit its schema: ${fault}`);
  return analysis.plan;
}

/**
 * What `ctx` can do without its engine, inside the extension: for folders and machines where ctx itself is not installed, and for
 * folders that are not trusted.
 */
import { runProgram } from "../../cli/program.ts";

runProgram(
  { check: () => import("../../cli/check.ts"), plan: () => import("../../cli/plan.ts") },
  process.argv.slice(2),
);

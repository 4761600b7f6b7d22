/**
 * What ctx does without its engine and its packages: the program inside the VS Code extension, for machines where ctx itself is not
 * installed, and for folders that are not trusted.
 */
import { runProgram } from "./program.ts";

runProgram(
  {
    check: () => import("./check.ts"),
    explain: () => import("./explain.ts"),
    lsp: () => import("./lsp.ts"),
    plan: () => import("./plan.ts"),
  },
  process.argv.slice(2),
);

import { type CommandModule, runProgram } from "./program.ts";

/**
 * Every command with the module that declares it. Only the module of the command at hand is loaded: `ctx check` must not
 * wait for what `ctx run` needs.
 */
const COMMANDS: { [name: string]: () => Promise<CommandModule> } = {
  new: () => import("./new.ts"),
  check: () => import("./check.ts"),
  fmt: () => import("./fmt.ts"),
  fix: () => import("./fix.ts"),
  explain: () => import("./explain.ts"),
  plan: () => import("./plan.ts"),
  run: () => import("./run.ts"),
  eval: () => import("./eval.ts"),
  report: () => import("./report.ts"),
  export: () => import("./export.ts"),
  doctor: () => import("./doctor.ts"),
  completion: () => import("./completion.ts"),
  lsp: () => import("./lsp.ts"),
};

runProgram(COMMANDS, process.argv.slice(2));

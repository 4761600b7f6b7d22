#!/usr/bin/env node
import nodeModule from "node:module";
import { Command, CommanderError } from "commander";
import { describeFailure, exitStatus, printFailure, printJson } from "./outcome.ts";
import { packageVersion } from "./version.ts";

interface CommandModule {
  register(program: Command): void;
}

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

/** The modules that a command line needs: its own command's, all for help and for completion, none for the version. */
function needed(command: string | undefined, words: readonly string[]): (() => Promise<CommandModule>)[] {
  if (command === undefined && (words[0] === "--version" || words[0] === "-V")) return [];
  const own = command === undefined || command === "completion" ? undefined : COMMANDS[command];
  return own ? [own] : Object.values(COMMANDS);
}

async function main(words: string[]): Promise<void> {
  const program = new Command("ctx")
    .description("compiles and runs recipes that extend the context of a language model")
    .version(packageVersion(), "-V, --version")
    .option("--debug", "show stack traces")
    .showSuggestionAfterError()
    .exitOverride();
  const command = words.find((word) => !word.startsWith("-"));
  for (const module of await Promise.all(needed(command, words).map((each) => each()))) module.register(program);
  if (words.length === 0) {
    process.stdout.write(program.helpInformation());
    return;
  }
  await program.parseAsync(words, { from: "user" });
}

const words = process.argv.slice(2);
// From version 22.8 on, Node keeps what V8 has compiled of the commands' modules for the next start.
(nodeModule as { enableCompileCache?: () => unknown }).enableCompileCache?.();
// A closed pipe (`ctx plan … | head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});
// Nor does a run end because nobody reads its progress any more.
process.stderr.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
});
main(words).catch((error: unknown) => {
  // commander has printed its own message; anything but help and version is wrong usage.
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
    return;
  }
  printFailure(error, words.includes("--debug"));
  if (words.includes("--json")) printJson({ error: describeFailure(error) });
  process.exitCode = exitStatus(error);
});

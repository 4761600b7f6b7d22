import { Command, CommanderError } from "commander";
import { commandHere, withCommandHere } from "./other_commands.ts";
import { exitStatus, failureDocument, printFailure, printJson } from "./outcome.ts";
import { packageVersion } from "./version.ts";

/** A file of this folder that declares a command. */
export interface CommandModule {
  register(program: Command): void;
}

/** Every command with what loads its module. */
export interface Commands {
  readonly [name: string]: () => Promise<CommandModule>;
}

/** Runs a command line, and leaves its status in `process.exitCode`. */
export function runProgram(commands: Commands, words: readonly string[]): void {
  // A closed pipe (`ctx plan … | head`) is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  // Nor does a run end because nobody reads its progress any more.
  process.stderr.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
  });
  carryOut(commands, words).catch((error: unknown) => {
    // commander has printed its own message; anything but help and version is wrong usage.
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      if (error.exitCode !== 0 && words.includes("--json")) printJson({ error: wrongUsage(error.message) });
      return;
    }
    printFailure(error, words.includes("--debug"));
    if (words.includes("--json")) printJson(failureDocument(error));
    process.exitCode = exitStatus(error);
  });
}

/** What commander says of a wrong command line, as other failures are told to programs. */
function wrongUsage(told: string): { kind: "usage"; message: string; hint: string | null } {
  const [message = "", ...rest] = told
    .replace(/^error: /, "")
    .trim()
    .split("\n");
  const hint = commandHere(message) ?? rest.join(" ").replace(/^\((.*)\)$/, "$1");
  return { kind: "usage", message, hint: hint === "" ? null : hint };
}

async function carryOut(commands: Commands, words: readonly string[]): Promise<void> {
  const program = new Command("ctx")
    .description("compiles and runs recipes that extend the context of a language model")
    .version(packageVersion(), "-V, --version")
    .option("--debug", "show stack traces")
    .showSuggestionAfterError()
    .configureOutput({ outputError: (message, write) => write(withCommandHere(message)) })
    .exitOverride();
  const command = words.find((word) => !word.startsWith("-"));
  const modules = needed(commands, command, words);
  for (const module of await Promise.all(modules.map((each) => each()))) module.register(program);
  if (words.length === 0) {
    process.stdout.write(program.helpInformation());
    return;
  }
  await program.parseAsync(words, { from: "user" });
}

/** The modules that a command line needs: its own command's, all for help and for completion, none for the version. */
function needed(commands: Commands, command: string | undefined, words: readonly string[]) {
  if (command === undefined && (words[0] === "--version" || words[0] === "-V")) return [];
  const own = command === undefined || command === "completion" ? undefined : commands[command];
  return own ? [own] : Object.values(commands);
}

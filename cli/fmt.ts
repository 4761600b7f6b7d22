import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { Report } from "../compiler/diagnostics/report.ts";
import { reportSyntax } from "../compiler/diagnostics/syntax.ts";
import { format, parse } from "../grammar/index.ts";
import { writeFailure } from "../runtime/run/files.ts";
import { printJson, STATUS } from "./outcome.ts";
import { printDiagnostics, readRecipe } from "./recipe_file.ts";

interface Options {
  check?: boolean;
  json?: boolean;
  quiet?: boolean;
}

export function register(program: Command): void {
  program
    .command("fmt")
    .description("format recipes in place; comments stay")
    .argument("<file...>", "recipes")
    .option("--check", "change nothing; the exit status tells whether something would change")
    .option("--json", "print one JSON document")
    .option("--quiet", "print nothing but errors")
    .action((files: string[], options: Options) => {
      process.exitCode = formatFiles(files, options);
    });
}

type State = "formatted" | "unchanged" | "unformatted" | "broken";

/** Formats files, or with `check` only looks. Returns the exit status: 1 if one is broken or, under `check`, unformatted. */
export function formatFiles(files: readonly string[], options: Options): number {
  const states = files.map((file) => ({ file, state: formatFile(file, options) }));
  if (options.json) printJson({ files: states });
  else if (!options.quiet) {
    for (const { file, state } of states) if (state !== "broken") process.stdout.write(`${file}: ${state}\n`);
  }
  return states.some(({ state }) => state === "broken" || state === "unformatted") ? STATUS.input : 0;
}

function formatFile(file: string, options: Options): State {
  const text = readRecipe(file);
  const { problems, text: source } = parse(text);
  if (problems.length > 0) {
    const report = new Report();
    reportSyntax(problems, file, report);
    if (!options.json) printDiagnostics({ texts: new Map([[file, source]]) }, process.stderr, report.list());
    return "broken";
  }
  const formatted = format(text);
  if (formatted === text) return "unchanged";
  if (options.check) return "unformatted";
  try {
    writeFileSync(file, formatted);
  } catch (error) {
    throw writeFailure(file, error);
  }
  return "formatted";
}

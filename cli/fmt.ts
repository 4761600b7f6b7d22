import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { Report } from "../compiler/diagnostics/report.ts";
import { reportSyntax } from "../compiler/diagnostics/syntax.ts";
import { format, parse } from "../grammar/index.ts";
import { writeFailure } from "../runtime/run/files.ts";
import { printJson, STATUS } from "./outcome.ts";
import { expectOneStdin, printDiagnostics, readRecipe, STDIN } from "./recipe_file.ts";

interface Options {
  check?: boolean;
  json?: boolean;
  quiet?: boolean;
}

export function register(program: Command): void {
  program
    .command("fmt")
    .description("format recipes in place; comments stay; - formats standard input to standard output")
    .argument("<file...>", "recipes; -: standard input")
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
  expectOneStdin(files);
  const results = files.map((file) => ({ file, ...formatFile(file, options) }));
  if (options.json) printJson({ files: results });
  else {
    for (const { file, state, text } of results) {
      if (text !== undefined) process.stdout.write(text);
      else if (state !== "broken" && !options.quiet) process.stdout.write(`${file}: ${state}\n`);
    }
  }
  return results.some(({ state }) => state === "broken" || state === "unformatted") ? STATUS.input : 0;
}

/** `text`: of standard input, what it becomes. */
function formatFile(file: string, options: Options): { state: State; text?: string } {
  const text = readRecipe(file);
  const { problems, text: source } = parse(text);
  if (problems.length > 0) {
    const report = new Report();
    reportSyntax(problems, file, report);
    if (!options.json) printDiagnostics({ texts: new Map([[file, source]]) }, process.stderr, report.list());
    return { state: "broken" };
  }
  const formatted = format(text);
  if (options.check && formatted !== text) return { state: "unformatted" };
  if (file === STDIN && !options.check)
    return { state: formatted === text ? "unchanged" : "formatted", text: formatted };
  if (formatted === text) return { state: "unchanged" };
  try {
    writeFileSync(file, formatted);
  } catch (error) {
    throw writeFailure(file, error);
  }
  return { state: "formatted" };
}

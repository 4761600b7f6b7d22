import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import type { Diagnostic } from "../compiler/diagnostics/diagnostic.ts";
import { toJson } from "../compiler/diagnostics/json.ts";
import { type FixedRecipe, fixRecipe } from "../compiler/fix.ts";
import { languageVersion } from "../grammar/definition.ts";
import { writeFailure } from "../runtime/run/files.ts";
import { nodeHost } from "./host.ts";
import { printJson, STATUS } from "./outcome.ts";
import { countText, expectOneStdin, parseSettings, printDiagnostics, readRecipe, STDIN } from "./recipe_file.ts";
import { unifiedDiff } from "./unified_diff.ts";

interface Options {
  dryRun?: boolean;
  json?: boolean;
  quiet?: boolean;
  set: string[];
}

export function register(program: Command): void {
  program
    .command("fix")
    .description(
      `mend what can be mended without a choice, and bring recipes to version ${languageVersion} of the language`,
    )
    .argument("<file...>", "recipes; -: standard input to standard output")
    .option("--dry-run", "write nothing; show the difference, and exit with 1 if there is one")
    .option("--json", "print one JSON document")
    .option("--quiet", "print nothing but errors")
    .option("--set <name=value>", "set a param; may be repeated", (value, all: string[]) => [...all, value], [])
    .action((files: string[], options: Options) => {
      process.exitCode = fixFiles(files, options);
    });
}

interface Result extends FixedRecipe {
  readonly file: string;
  readonly before: string;
}

/** Fixes files. Returns the exit status: 1 if an error is left or, in a dry run, something would change. */
export function fixFiles(files: readonly string[], options: Options): number {
  expectOneStdin(files);
  const set = parseSettings(options.set);
  const results = files.map((file): Result => {
    const before = readRecipe(file);
    return { file, before, ...fixRecipe(before, nodeHost(), { file, set }) };
  });
  if (!options.dryRun) for (const result of results) write(result, options);
  if (options.json) printJson({ files: results.map(toDocument) });
  else for (const result of results) print(result, options);
  const changed = options.dryRun && results.some(({ before, text }) => before !== text);
  return changed || results.some(({ analysis }) => analysis.diagnostics.some(isError)) ? STATUS.input : 0;
}

function write({ file, before, text }: Result, options: Options): void {
  if (file === STDIN) {
    if (!options.json) process.stdout.write(text);
    return;
  }
  if (before === text) return;
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw writeFailure(file, error);
  }
}

function print(result: Result, options: Options): void {
  const { file, before, text, applied, analysis } = result;
  const errors = analysis.diagnostics.filter(isError);
  // Standard output is for the text, or the difference, alone.
  const told = options.dryRun || file === STDIN ? process.stderr : process.stdout;
  if (options.dryRun) process.stdout.write(unifiedDiff(file === STDIN ? "recipe.ctx" : file, before, text));
  if (!options.quiet) {
    for (const { line, character, code, title } of applied)
      told.write(`${file}:${line + 1}:${character + 1} ${code} ${title}\n`);
  }
  printDiagnostics(analysis, process.stderr, errors);
  if (options.quiet) return;
  const choices = errors.some((error) => error.fixes.length > 0);
  const fixes = `${applied.length} fix${applied.length === 1 ? "" : "es"}`;
  const done =
    applied.length === 0
      ? errors.length > 0
        ? "no safe fix"
        : "nothing to fix"
      : options.dryRun
        ? `${fixes} to apply`
        : `${fixes} applied`;
  told.write(
    `${file}: ${done}${errors.length > 0 ? `; ${countText(errors)} left for you${choices ? ", with fixes to review" : ""}` : ""}\n`,
  );
}

function toDocument({ file, before, text, applied, analysis }: Result) {
  return {
    file,
    changed: before !== text,
    applied: applied.map(({ code, title, line, character }) => ({ code, title, start: { line, character } })),
    text,
    diagnostics: analysis.diagnostics.map((diagnostic) => toJson(diagnostic, (name) => analysis.texts.get(name))),
  };
}

function isError({ severity }: Diagnostic): boolean {
  return severity === "error";
}

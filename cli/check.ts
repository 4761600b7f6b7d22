import { watch, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Command } from "commander";
import type { Analysis } from "../compiler/analyze.ts";
import type { Diagnostic } from "../compiler/diagnostics/diagnostic.ts";
import { toJson } from "../compiler/diagnostics/json.ts";
import { toSarif } from "../compiler/diagnostics/sarif.ts";
import { fixRecipe } from "../compiler/fix.ts";
import { Failure } from "../runtime/run/failure.ts";
import { writeFailure } from "../runtime/run/files.ts";
import { nodeHost } from "./host.ts";
import { printJson, STATUS } from "./outcome.ts";
import {
  analyzeFile,
  countText,
  expectOneStdin,
  parseSettings,
  printDiagnostics,
  readRecipe,
  STDIN,
} from "./recipe_file.ts";
import { packageVersion } from "./version.ts";

interface Options {
  json?: boolean;
  sarif?: boolean;
  watch?: boolean;
  fix?: boolean;
  quiet?: boolean;
  set: string[];
}

export function register(program: Command): void {
  program
    .command("check")
    .description("parse and check recipes")
    .argument("<file...>", "recipes; -: standard input")
    .option("--json", "print one JSON document")
    .option("--sarif", "print one SARIF 2.1.0 log")
    .option("--watch", "check again whenever a file changes")
    .option("--fix", "apply the fixes that are safe, then check")
    .option("--quiet", "print nothing but errors")
    .option("--set <name=value>", "set a param; may be repeated", (value, all: string[]) => [...all, value], [])
    .action((files: string[], options: Options) => {
      if ((options.json || options.sarif) && options.watch) {
        throw new Failure("usage", "--watch prints for people; it can't be combined with --json or --sarif");
      }
      expectOneStdin(files);
      if (files.includes(STDIN) && (options.watch || options.fix)) {
        const option = options.watch ? "--watch" : "--fix";
        throw new Failure(
          "usage",
          `${option} needs files; standard input can't be ${options.watch ? "watched" : "changed"}`,
        );
      }
      if (options.json && options.sarif) throw new Failure("usage", "choose one of --json and --sarif");
      if (options.watch) watchFiles(files, options);
      else process.exitCode = checkFiles(files, options);
    });
}

/** Checks the files once and prints as asked. Returns the exit status: 1 if any has an error. */
export function checkFiles(files: readonly string[], options: Options): number {
  const analyses = files.map((file) => {
    if (options.fix) fixFile(file, options);
    return analyzeFile(file, options.set);
  });
  if (options.json) {
    printJson({
      files: analyses.map(({ file, diagnostics, texts }) => ({
        file,
        diagnostics: diagnostics.map((diagnostic) => toJson(diagnostic, (name) => texts.get(name))),
      })),
    });
  } else if (options.sarif) {
    const texts = new Map(analyses.flatMap((analysis) => [...analysis.texts]));
    const all = analyses.flatMap((analysis) => analysis.diagnostics);
    printJson(toSarif(all, (file) => texts.get(file), packageVersion()));
  } else {
    for (const analysis of analyses) {
      if (options.quiet) printDiagnostics(analysis, process.stderr, analysis.diagnostics.filter(isError));
      else printAnalysis(analysis);
    }
  }
  return analyses.some(hasErrors) ? STATUS.input : 0;
}

function printAnalysis(analysis: Analysis): void {
  printDiagnostics(analysis, process.stdout, analysis.diagnostics);
  const count = countText(analysis.diagnostics);
  const first = analysis.diagnostics.find(isError) ?? analysis.diagnostics[0];
  const more = first ? `  (ctx explain ${first.code} tells more)` : "";
  process.stdout.write(`${analysis.file}: ${count || "fine"}${more}\n`);
}

function hasErrors(analysis: Analysis): boolean {
  return analysis.diagnostics.some(isError);
}

function isError({ severity }: Diagnostic): boolean {
  return severity === "error";
}

/** Applies safe fixes until none is left, and tells how many. */
function fixFile(file: string, options: Pick<Options, "quiet" | "json" | "sarif" | "set">): void {
  const before = readRecipe(file);
  const { text, applied } = fixRecipe(before, nodeHost(), { file, set: parseSettings(options.set) });
  if (text === before) return;
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw writeFailure(file, error);
  }
  const quiet = options.quiet || options.json || options.sarif;
  if (!quiet) process.stderr.write(`${file}: ${applied.length} fix${applied.length === 1 ? "" : "es"} applied\n`);
}

/** Watches the folders, so that editors which replace files are seen too. */
function watchFiles(files: readonly string[], options: Options): void {
  let pending: NodeJS.Timeout | undefined;
  const again = () => {
    process.stdout.write("\x1b[2J\x1b[H");
    try {
      checkFiles(files, options);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      process.stdout.write(`${error.message}\n`);
    }
  };
  again();
  for (const folder of new Set(files.map(dirname))) {
    watch(folder, () => {
      // Saving a file makes several events: one check is enough.
      clearTimeout(pending);
      pending = setTimeout(again, 50);
    });
  }
}

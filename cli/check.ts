import { writeFileSync } from "node:fs";
import { isAbsolute, relative, resolve } from "node:path";
import { type Command, Option } from "commander";
import type { Analysis } from "../compiler/analyze.ts";
import { entryOf, isCode } from "../compiler/diagnostics/catalogue.ts";
import type { Diagnostic } from "../compiler/diagnostics/diagnostic.ts";
import { toGithub } from "../compiler/diagnostics/github.ts";
import { jsonFile } from "../compiler/diagnostics/json.ts";
import { toSarif } from "../compiler/diagnostics/sarif.ts";
import { fixRecipe } from "../compiler/fix.ts";
import type { Host } from "../compiler/host.ts";
import { Failure } from "../runtime/run/failure.ts";
import { writeFailure } from "../runtime/run/files.ts";
import { explanation } from "./explain.ts";
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
import { rememberingHost, watchFiles } from "./watch.ts";

/** How diagnostics are printed: for people, as one document, or as annotations of GitHub Actions. */
const REPORTERS = ["text", "json", "sarif", "github"] as const;

type Reporter = (typeof REPORTERS)[number];

interface Options {
  reporter?: Reporter;
  json?: boolean;
  sarif?: boolean;
  github?: boolean;
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
    .addOption(new Option("--reporter <name>", "how to print what is found").choices(REPORTERS))
    .option("--json", "print one JSON document (--reporter json)")
    .option("--sarif", "print one SARIF 2.1.0 log (--reporter sarif)")
    .option("--github", "print annotations for GitHub Actions (--reporter github)")
    .option("--watch", "check again whenever a file changes")
    .option("--fix", "apply the fixes that are safe, then check")
    .option("--quiet", "print nothing but errors")
    .option("--set <name=value>", "set a param; may be repeated", (value, all: string[]) => [...all, value], [])
    .action((files: string[], options: Options) => {
      const reporter = reporterOf(options);
      if (reporter !== "text" && options.watch)
        throw new Failure("usage", `--watch prints for people; it can't be combined with --${reporter}`);
      expectOneStdin(files);
      if (files.includes(STDIN) && (options.watch || options.fix)) {
        const option = options.watch ? "--watch" : "--fix";
        throw new Failure(
          "usage",
          `${option} needs files; standard input can't be ${options.watch ? "watched" : "changed"}`,
        );
      }
      if (!options.watch) {
        process.exitCode = checkFiles(files, options);
        return;
      }
      watchFiles(files, () => {
        const { host, seen } = rememberingHost(nodeHost());
        checkFiles(files, options, host);
        return seen;
      });
    });
}

/** @throws Failure where more than one was asked for */
function reporterOf(options: Pick<Options, "reporter" | "json" | "sarif" | "github">): Reporter {
  const asked = new Set<Reporter>(options.reporter ? [options.reporter] : []);
  for (const name of ["json", "sarif", "github"] as const) if (options[name]) asked.add(name);
  const [first, second] = [...asked];
  if (second) throw new Failure("usage", `choose one of --${first} and --${second}`);
  return first ?? "text";
}

/** Checks the files once and prints as asked. The exit status is 1 if any has an error. */
export function checkFiles(files: readonly string[], options: Options, host: Host = nodeHost()): number {
  const analyses = files.map((file) => {
    if (options.fix) fixFile(file, options);
    return analyzeFile(file, options.set, host);
  });
  report(analyses, options);
  return analyses.some(hasErrors) ? STATUS.input : 0;
}

function report(analyses: readonly Analysis[], options: Options): void {
  const reporter = reporterOf(options);
  const texts = new Map(analyses.flatMap((analysis) => [...analysis.texts]));
  const sources = (file: string) => texts.get(file);
  // Of an import that several recipes share, each diagnostic is told once.
  const all = () => unique(analyses.flatMap((analysis) => analysis.diagnostics));
  const chosen = (list: readonly Diagnostic[]) => (options.quiet ? list.filter(isError) : list);
  if (reporter === "json") {
    printJson({ files: analyses.map(jsonFile) });
  } else if (reporter === "sarif") {
    printJson(toSarif(all(), sources, { version: packageVersion(), page: explanation }));
  } else if (reporter === "github") {
    const title = (code: string) => (isCode(code) ? entryOf(code).title : "");
    for (const line of toGithub(chosen(all()), sources, title, nameInRepository)) process.stdout.write(`${line}\n`);
  } else {
    for (const analysis of analyses) {
      if (options.quiet) printDiagnostics(analysis, process.stderr, chosen(analysis.diagnostics));
      else printAnalysis(analysis);
    }
  }
}

function unique(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Map(
    diagnostics.map((each) => [`${each.code} ${each.at.file} ${each.at.start} ${each.at.end}`, each]),
  );
  return [...seen.values()];
}

/** GitHub knows files by their path from the root of the repository, which its runners tell. */
function nameInRepository(file: string): string | null {
  if (file === STDIN) return null;
  const root = process.env.GITHUB_WORKSPACE;
  if (root === undefined && !isAbsolute(file)) return file;
  return relative(root ?? process.cwd(), resolve(file)).replaceAll("\\", "/");
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
function fixFile(file: string, options: Options): void {
  const before = readRecipe(file);
  const { text, applied } = fixRecipe(before, nodeHost(), { file, set: parseSettings(options.set) });
  if (text === before) return;
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw writeFailure(file, error);
  }
  const quiet = options.quiet || reporterOf(options) !== "text";
  if (!quiet) process.stderr.write(`${file}: ${applied.length} fix${applied.length === 1 ? "" : "es"} applied\n`);
}

import { join, resolve } from "node:path";
import type { Command } from "commander";
import { headline } from "../runtime/report/headline.ts";
import { writeReport } from "../runtime/report/write.ts";
import { printJson } from "./outcome.ts";

interface Options {
  out?: string;
  json?: boolean;
  quiet?: boolean;
}

/** `ctx report`. */
export function register(program: Command): void {
  program
    .command("report")
    .description("write report.html of a run; several runs are compared side by side")
    .argument("<run...>", "run folders, such as runs/quickstart/1")
    .option("--out <file>", "where to write it (default: report.html in the run's folder, or here for several)")
    .option("--json", "print one JSON document")
    .option("--quiet", "print nothing")
    .action(report);
}

function report(folders: string[], options: Options): void {
  const path = resolve(options.out ?? (folders.length === 1 ? join(folders[0]!, "report.html") : "report.html"));
  const runs = writeReport(folders, path);
  if (options.json) {
    printJson({
      report: path,
      runs: runs.map((run) => ({ run: run.folder, recipe: run.plan.recipe, ...headline(run) })),
    });
  } else if (!options.quiet) {
    for (const [k, run] of runs.entries()) {
      const { sentence, finding } = headline(run);
      const whose = runs.length > 1 ? `${folders[k]}: ` : "";
      process.stdout.write(`${whose}${sentence}${finding === "" ? "" : ` ${finding}`}\n`);
    }
    process.stdout.write(`${path}\n`);
  }
}

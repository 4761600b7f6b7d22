import { type Command, Option } from "commander";
import { loadAddon } from "../runtime/engine/load.ts";
import { type ExportResult, exportRun } from "../runtime/export/export_run.ts";
import { stopOnInterrupt } from "./interrupt.ts";
import { printJson } from "./outcome.ts";
import { Progress } from "./progress.ts";

interface Options {
  to: string;
  stage?: string;
  merge?: boolean;
  dtype?: "f32" | "bf16" | "f16";
  json?: boolean;
  quiet?: boolean;
}

/** `ctx export`. */
export function register(program: Command): void {
  program
    .command("export")
    .description("write a run's model as a Hugging Face folder, or its adapter as PEFT reads it")
    .argument("<run>", "run folder, such as runs/quickstart/1")
    .requiredOption("--to <dir>", "folder to write; must be new or empty")
    .option("--merge", "merge adapters into the weights")
    .option("--stage <name>", "export after this stage (default: the last one)")
    .addOption(new Option("--dtype <dtype>", "of the weights (default: the plan's)").choices(["f32", "bf16", "f16"]))
    .option("--json", "print one JSON document")
    .option("--quiet", "print nothing")
    .action(run);
}

async function run(folder: string, options: Options): Promise<void> {
  const progress = new Progress((options.quiet || options.json) ?? false);
  const stop = stopOnInterrupt(() => progress.listen({ kind: "note", text: "stopping" }));
  let result: ExportResult;
  try {
    result = await exportRun(folder, options.to, {
      addon: loadAddon(),
      stage: options.stage ?? null,
      merge: options.merge ?? false,
      dtype: options.dtype ?? null,
      listen: progress.listen,
      stop,
    });
  } finally {
    progress.close();
  }
  if (options.json) printJson(result);
  else if (!options.quiet) process.stdout.write(`${result.sentence}\n`);
}

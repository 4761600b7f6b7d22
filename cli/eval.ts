import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { loadAddon } from "../runtime/engine/load.ts";
import { evaluateFolder } from "../runtime/evaluate/evaluate_folder.ts";
import type { EvaluationResult } from "../runtime/evaluate/result.ts";
import { integer, percent, significant } from "../runtime/report/format.ts";
import { Failure } from "../runtime/run/failure.ts";
import { writeJson } from "../runtime/run/files.ts";
import { isRunFolder } from "../runtime/run/folder.ts";
import { stopOnInterrupt } from "./interrupt.ts";
import { addMachineOptions, type MachineOptions, positiveInteger, threadsOf, tokenLengths } from "./machine_options.ts";
import { printJson } from "./outcome.ts";
import { paint } from "./paint.ts";
import { Progress } from "./progress.ts";

interface Options extends MachineOptions {
  needle?: boolean;
  perplexity?: string[] | true;
  haystack?: string[];
  lengths?: number[];
  depths: number;
  samples?: number;
  digits: number;
  stage?: string;
  out?: string;
  json?: boolean;
  quiet?: boolean;
}

/** `ctx eval`. */
export function register(program: Command): void {
  const command = program
    .command("eval")
    .description("evaluate a Hugging Face folder of the Llama family, or a run")
    .argument("<dir>", "model folder (config.json, *.safetensors, tokenizer.json) or run folder")
    .option("--needle", "hide facts in text and ask for them (length × depth)")
    .option("--perplexity [files...]", "perplexity by position in these files; of a run, in its held-out text")
    .option(
      "--haystack <files...>",
      "text to hide the facts in (default: the perplexity files; of a run, its held-out text)",
    )
    .option(
      "--lengths <list>",
      "lengths in tokens, such as 1Ki,2Ki,4Ki (default: the model's context and halves of it)",
      tokenLengths,
    )
    .option("--depths <n>", "depths from 0% to 100%", positiveInteger, 5)
    .option("--samples <n>", "questions a cell, or windows a length (default: 20 and 8)", positiveInteger)
    .option("--digits <n>", "digits of the hidden number", positiveInteger, 6)
    .option("--stage <name>", "of a run: the model after this stage, or before (default: the last one)")
    .option("--out <file>", "also write the result as JSON");
  addMachineOptions(command)
    .option("--json", "print one JSON document")
    .option("--quiet", "show no progress")
    .action(run);
}

async function run(folder: string, options: Options): Promise<void> {
  if (options.digits > 18) throw new Failure("usage", `--digits is ${options.digits}; the most is 18`);
  const root = resolve(folder);
  if (existsSync(join(root, "adapter_config.json"))) {
    throw new Failure(
      "input",
      `${folder} holds a LoRA adapter, not a whole model`,
      "export the run with --merge, or evaluate the run's own folder",
    );
  }
  if (!existsSync(join(root, "config.json")) && !isRunFolder(root)) {
    throw new Failure("input", `${folder} is neither a model folder (no config.json) nor a run folder (no plan.json)`);
  }
  const progress = new Progress((options.quiet || options.json) ?? false);
  const stop = stopOnInterrupt(() => progress.listen({ kind: "note", text: "stopping" }));
  try {
    const result = await evaluateFolder(root, {
      machine: { addon: loadAddon(), device: options.device ?? "cpu", threads: threadsOf(options) },
      needle: options.needle ?? false,
      haystack: options.haystack?.map((file) => resolve(file)) ?? [],
      perplexity: options.perplexity !== undefined,
      files: Array.isArray(options.perplexity) ? options.perplexity.map((file) => resolve(file)) : [],
      lengths: options.lengths ?? null,
      depths: options.depths,
      samples: options.samples ?? null,
      digits: options.digits,
      stage: options.stage ?? null,
      listen: progress.listen,
      stop,
    });
    progress.close();
    if (options.out !== undefined) writeJson(resolve(options.out), result);
    if (options.json) printJson(result);
    else print(result);
  } finally {
    progress.close();
  }
}

function print(result: EvaluationResult): void {
  const lines: string[] = [];
  if (result.needle) {
    const { lengths, depths } = result.needle.settings;
    lines.push(paint("bold", `needle: ${percent(result.needle.overall.accuracy)} right`, process.stdout));
    lines.push(row(["depth \\ length", ...lengths.map(integer)]));
    for (const depth of depths) {
      const cells = lengths.map(
        (length) => result.needle!.cells.find((cell) => cell.length === length && cell.depth === depth)!,
      );
      lines.push(row([percent(depth), ...cells.map((cell) => percent(cell.accuracy))]));
    }
  }
  if (result.perplexity) {
    const longest = result.perplexity.lengths.reduce((best, entry) => (entry.length > best.length ? entry : best));
    lines.push(paint("bold", "perplexity", process.stdout));
    lines.push(row(["length", ...result.perplexity.lengths.map((entry) => integer(entry.length))]));
    lines.push(row(["whole window", ...result.perplexity.lengths.map((entry) => significant(entry.perplexity))]));
    lines.push(row(["up to position", ...longest.buckets.map((bucket) => integer(bucket.to))]));
    lines.push(row(["there", ...longest.buckets.map((bucket) => significant(bucket.perplexity))]));
  }
  process.stdout.write(`${lines.join("\n")}\n`);
}

function row([first, ...rest]: string[]): string {
  return `  ${first!.padEnd(16)}${rest.map((cell) => cell.padStart(10)).join("")}`;
}

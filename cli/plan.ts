import { writeFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { canonicalJson } from "../compiler/lower/canonical.ts";
import type { Plan } from "../compiler/plan.ts";
import { Failure } from "../runtime/run/failure.ts";
import { compileFile } from "./compile_file.ts";
import { planText } from "./plan_text.ts";
import { wantsColor } from "./recipe_file.ts";

interface Options {
  json?: boolean;
  out?: string;
  set: string[];
  emit?: "ts";
  quiet?: boolean;
}

export function register(program: Command): void {
  program
    .command("plan")
    .description("compile a recipe and show what a run would do")
    .argument("<file>", "recipe")
    .option("--set <name=value>", "set a param; may be repeated", (value, all: string[]) => [...all, value], [])
    .option("--out <file>", "write the plan (or the module of --emit) to a file")
    .option("--json", "print the plan itself")
    .addOption(new Option("--emit <language>", "print the plan as a typed module").choices(["ts"]))
    .option("--quiet", "print nothing but errors")
    .action(showPlan);
}

async function showPlan(file: string, options: Options): Promise<void> {
  if (options.json && options.emit) throw new Failure("usage", "choose one of --json and --emit");
  const plan = compileFile(file, options.set, { quiet: options.quiet ?? false });
  const document = options.emit ? await emitted(plan) : canonicalJson(plan);
  if (options.out !== undefined) writeOut(options.out, document);
  if (options.quiet) return;
  if (options.json || (options.emit && options.out === undefined)) process.stdout.write(document);
  else if (!options.emit) process.stdout.write(planText(plan, wantsColor(process.stdout)));
}

/** ts-morph takes 0.4 s to load, so only `--emit` pays for it. */
async function emitted(plan: Plan): Promise<string> {
  const { planModule } = await import("./emit_ts.ts");
  return planModule(plan);
}

function writeOut(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new Failure("usage", `${path} can't be written: ${(error as Error).message}`);
  }
}

import { writeFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { canonicalJson } from "../compiler/lower/canonical.ts";
import type { Plan } from "../compiler/plan.ts";
import { Failure } from "../runtime/run/failure.ts";
import { compileFile } from "./compile_file.ts";
import { screenOf } from "./layout.ts";
import { printJson } from "./outcome.ts";
import { wantsColor } from "./paint.ts";
import { planText } from "./plan_text.ts";

interface Options {
  json?: boolean;
  out?: string;
  set: string[];
  emit?: "ts";
  diff?: boolean;
  quiet?: boolean;
}

export function register(program: Command): void {
  program
    .command("plan")
    .description("compile a recipe and show what a run would do")
    .argument("<file...>", "recipe; with --diff two recipes or plans")
    .option("--set <name=value>", "set a param; may be repeated", (value, all: string[]) => [...all, value], [])
    .option("--out <file>", "write the plan (or the module of --emit) to a file")
    .option("--json", "print the plan itself, or with --diff the difference")
    .addOption(new Option("--emit <language>", "print the plan as a typed module").choices(["ts"]))
    .option("--diff", "show what distinguishes the run of one recipe or plan from that of another")
    .option("--quiet", "print nothing but errors")
    .action((files: string[], options: Options) =>
      options.diff ? showDifference(files, options) : showPlan(files, options),
    );
}

async function showPlan([file = "", ...others]: readonly string[], options: Options): Promise<void> {
  if (others.length > 0) throw new Failure("usage", "ctx plan takes one recipe", "with --diff it compares two");
  if (options.json && options.emit) throw new Failure("usage", "choose one of --json and --emit");
  const plan = compileFile(file, options.set, { quiet: options.quiet ?? false });
  const document = options.emit ? await emitted(plan) : canonicalJson(plan);
  if (options.out !== undefined) writeOut(options.out, document);
  if (options.quiet) return;
  if (options.json || (options.emit && options.out === undefined)) process.stdout.write(document);
  else if (!options.emit) process.stdout.write(planText(plan, screenOf(process.stdout, wantsColor(process.stdout))));
}

/** Two recipes, or plans, side by side. That they differ is no error: the status stays 0. */
async function showDifference(files: readonly string[], options: Options): Promise<void> {
  if (files.length !== 2) throw new Failure("usage", "--diff compares two files: ctx plan --diff BEFORE AFTER");
  if (options.emit || options.out !== undefined)
    throw new Failure("usage", `--diff makes no plan: ${options.emit ? "--emit" : "--out"} has nothing to write`);
  const [{ planFrom }, { diffPlans }, { differenceText }] = await Promise.all([
    import("./plan_from.ts"),
    import("../compiler/plan_diff.ts"),
    import("./plan_diff_text.ts"),
  ]);
  if (options.set.length > 0 && files.every((file) => file.endsWith(".json")))
    throw new Failure("usage", "--set needs a recipe; a plan is final");
  const compared = [];
  for (const file of files) {
    const { plan } = await planFrom(file, file.endsWith(".json") ? [] : options.set, { quiet: options.quiet ?? false });
    compared.push({ file, plan });
  }
  const [before, after] = compared as [(typeof compared)[0], (typeof compared)[0]];
  const difference = diffPlans(before.plan, after.plan);
  if (options.json) printJson(difference);
  else if (!options.quiet)
    process.stdout.write(
      differenceText(difference, before, after, screenOf(process.stdout, wantsColor(process.stdout))),
    );
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

import { existsSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import type { Command } from "commander";
import { Failure } from "../runtime/run/failure.ts";
import { printJson } from "./outcome.ts";
import { templates } from "./templates.ts";

interface Options {
  template: string;
  json?: boolean;
  quiet?: boolean;
}

export function register(program: Command): void {
  const list = Object.entries(templates).map(([name, { about }]) => `  ${name.padEnd(12)}${about}`);
  program
    .command("new")
    .description("write a starter recipe")
    .argument("[name]", "name of the recipe; the file is NAME.ctx", "recipe")
    .option("--template <name>", "what to start from", "extend")
    .option("--json", "print one JSON document")
    .option("--quiet", "print nothing")
    .addHelpText("after", `\nTemplates:\n${list.join("\n")}`)
    .action((name: string, options: Options) => {
      const file = createRecipe(name, options.template);
      if (options.json) printJson({ file, template: options.template });
      else if (!options.quiet) {
        const word = /[^\w./-]/.test(file) ? JSON.stringify(file) : file;
        process.stdout.write(`${file} is written. Next: ctx check ${word}, then ctx plan ${word}\n`);
      }
    });
}

/**
 * Writes NAME.ctx from a template and returns its path.
 *
 * @throws Failure when the template or the name is no good, or the file is there already
 */
export function createRecipe(name: string, template: string): string {
  const chosen = Object.hasOwn(templates, template) ? templates[template] : undefined;
  if (!chosen) {
    throw new Failure("usage", `there is no template ${template}`, `choose from ${Object.keys(templates).join(", ")}`);
  }
  const file = name.endsWith(".ctx") ? name : `${name}.ctx`;
  const word = basename(file, ".ctx")
    .replace(/\W+/g, "_")
    .replace(/^(?=\d)/, "r");
  if (!/^[A-Za-z_]\w*$/.test(word)) throw new Failure("usage", `${name} is no name for a recipe`);
  if (existsSync(file)) throw new Failure("usage", `${file} exists already`, "choose another name");
  try {
    writeFileSync(file, chosen.text(word), { flag: "wx" });
  } catch (error) {
    throw new Failure("usage", `${file} can't be written: ${(error as Error).message}`);
  }
  return file;
}

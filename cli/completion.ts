import { Argument, type Command } from "commander";
import { codes } from "../compiler/diagnostics/catalogue.ts";
import { type Completed, type CompletedCommand, SHELLS, type Shell, scriptFor } from "./completion_scripts.ts";
import { printJson } from "./outcome.ts";
import { templates } from "./templates.ts";

export function register(program: Command): void {
  program
    .command("completion")
    .description("print a script that completes commands, options, files and codes in a shell")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .addHelpText(
      "after",
      `
bash:  echo 'source <(ctx completion bash)' >> ~/.bashrc
zsh:   ctx completion zsh > "\${fpath[1]}/_ctx"
fish:  ctx completion fish > ~/.config/fish/completions/ctx.fish`,
    )
    .option("--json", "print one JSON document")
    .action((shell: Shell, options: { json?: boolean }) => {
      const script = scriptFor(shell, program.commands.map(completed));
      if (options.json) printJson({ shell, script });
      else process.stdout.write(script);
    });
}

/** What each command works on. */
const operands: { readonly [command: string]: Completed } = {
  check: { files: ["ctx"] },
  fmt: { files: ["ctx"] },
  fix: { files: ["ctx"] },
  plan: { files: ["ctx", "json"] },
  run: { files: ["ctx", "json"] },
  eval: { folders: true },
  report: { folders: true },
  export: { folders: true },
  explain: { words: codes },
  completion: { words: SHELLS },
};

/** What options take that commander knows only as text. */
const values: { readonly [option: string]: Completed } = {
  "new --template": { words: Object.keys(templates) },
};

function completed(command: Command): CompletedCommand {
  return {
    name: command.name(),
    description: command.description(),
    operand: operands[command.name()] ?? {},
    options: command.options
      .filter((option) => option.long !== undefined && !option.hidden)
      .map((option) => ({
        name: option.long!,
        description: option.description,
        value: option.required || option.optional ? takenBy(command.name(), option.long!, option) : null,
      })),
  };
}

function takenBy(command: string, name: string, option: { flags: string; argChoices?: string[] }): Completed {
  const known = values[`${command} ${name}`];
  if (known) return known;
  if (option.argChoices) return { words: option.argChoices };
  if (name === "--set") return { params: true };
  if (/<(dir|run_dir|model_dir|folder)>/i.test(option.flags)) return { folders: true };
  return /[<[]files?\b/i.test(option.flags) ? { files: [] } : {};
}

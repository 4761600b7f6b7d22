import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { codes, entryOf, isCode } from "../compiler/diagnostics/catalogue.ts";
import { closest } from "../compiler/diagnostics/suggest.ts";
import { Failure } from "../runtime/run/failure.ts";
import { printJson } from "./outcome.ts";
import { packageRoot } from "./version.ts";

export function register(program: Command): void {
  program
    .command("explain")
    .description("tell what a diagnostic means, why it matters and how to mend it")
    .argument("[code]", "such as CTX4001; without one, every code is listed")
    .option("--json", "print one JSON document")
    .action((code: string | undefined, options: { json?: boolean }) => {
      if (code === undefined) list(options.json ?? false);
      else explain(code, options.json ?? false);
    });
}

/** The page of one code, `docs/errors/CODE.md`. */
export function explanation(code: string): string {
  const wanted = code.toUpperCase();
  if (!isCode(wanted)) {
    const meant = closest(wanted, codes);
    throw new Failure(
      "usage",
      `there is no code ${code}`,
      meant ? `did you mean ${meant}?` : "ctx explain lists all codes",
    );
  }
  return readFileSync(join(packageRoot(), "docs", "errors", `${wanted}.md`), "utf8");
}

function explain(code: string, json: boolean): void {
  const page = explanation(code);
  if (json) printJson({ code: code.toUpperCase(), markdown: page });
  else process.stdout.write(page);
}

function list(json: boolean): void {
  const rows = codes.map((code) => ({ code, severity: entryOf(code).severity, title: entryOf(code).title }));
  if (json) printJson(rows);
  else for (const { code, severity, title } of rows) process.stdout.write(`${code}  ${severity.padEnd(8)} ${title}\n`);
}

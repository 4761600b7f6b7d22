/**
 * Writes everything that is derived from the language definition and the plan's interfaces; `npm run generate` runs it in
 * the package's root. The results are committed, and a test compares them with what this file would write.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { writePlanSchema } from "./generate/plan_schema.ts";
import { readDefinition } from "./generate/read_definition.ts";
import { writeReference } from "./generate/write_reference.ts";
import { writeTable } from "./generate/write_table.ts";
import { writeTextMate } from "./generate/write_textmate.ts";

/** Path from the package's root → text. */
export function generate(root: string): { [path: string]: string } {
  const language = readDefinition(join(root, "grammar", "language"));
  const planSchema = writePlanSchema(join(root, "compiler", "plan.ts"));
  return {
    "grammar/generated/language.ts": writeTable(language),
    "grammar/generated/ctx.tmLanguage.json": writeTextMate(language),
    "docs/reference.md": writeReference(language),
    "compiler/plan.schema.json": planSchema,
    // For editors and other programs that read plans: the same, where documentation is looked for.
    "docs/plan.schema.json": planSchema,
  };
}

function main(root: string): void {
  for (const [path, text] of Object.entries(generate(root))) {
    const file = join(root, path);
    if (existsSync(file) && readFileSync(file, "utf8") === text) continue;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    console.error(`wrote ${path}`);
  }
}

const script = process.argv[1];
if (script !== undefined && import.meta.url === pathToFileURL(script).href) main(process.cwd());

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv, type ValidateFunction } from "ajv";
import type { Plan } from "../../compiler/plan.ts";
import { Failure } from "./failure.ts";

let validate: ValidateFunction<Plan> | undefined;

/**
 * Holds a parsed plan.json against `compiler/plan.schema.json`.
 *
 * @throws Failure naming the first field that is wrong
 */
export function validatePlan(value: unknown, file: string): Plan {
  validate ??= new Ajv({ allErrors: false, strict: false }).compile<Plan>(
    JSON.parse(readFileSync(schemaFile(), "utf8")),
  );
  if (validate(value)) return value;
  const [error] = validate.errors ?? [];
  const where = error?.instancePath === "" ? "the document" : error?.instancePath;
  const extra = error?.keyword === "additionalProperties" ? ` (${error.params.additionalProperty})` : "";
  throw new Failure(
    "input",
    `${file} is not a plan: ${where} ${error?.message ?? "is wrong"}${extra}`,
    "make it anew with: ctx plan RECIPE --out plan.json",
  );
}

/** The schema lies in the package's compiler/, wherever this file was bundled to. */
function schemaFile(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const path = join(folder, "compiler", "plan.schema.json");
    try {
      readFileSync(path);
      return path;
    } catch (error) {
      if (dirname(folder) === folder) throw error;
    }
  }
}

import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import schema from "./plan.schema.json" with { type: "json" };
import type { Plan } from "./plan.ts";

let validate: ValidateFunction<Plan> | undefined;

/**
 * What is wrong with a document as a plan, by `plan.schema.json`: one sentence for each fault, naming the field by its JSON
 * pointer. Empty: it is a plan.
 */
export function planFaults(document: unknown): string[] {
  validate ??= new Ajv({ allErrors: true, strict: false }).compile<Plan>(schema);
  return validate(document) ? [] : (validate.errors ?? []).map(sentence);
}

function sentence({ instancePath, keyword, message, params }: ErrorObject): string {
  const where = instancePath === "" ? "the document" : instancePath;
  const extra = keyword === "additionalProperties" ? ` (${String(params.additionalProperty)})` : "";
  return `${where} ${message ?? "is wrong"}${extra}`;
}

import schema from "./plan.schema.json" with { type: "json" };
import { type Schema, schemaFaults } from "./schema.ts";

/**
 * What is wrong with a document as a plan, by `plan.schema.json`: one sentence for each fault, naming the field by its JSON
 * pointer. Empty: it is a plan.
 */
export function planFaults(document: unknown): string[] {
  return schemaFaults(document, schema as Schema).map(
    ({ pointer, message }) => `${pointer === "" ? "the document" : pointer} ${message}`,
  );
}

import type { Scope } from "../evaluate/scope.ts";
import type { Section } from "../names/section.ts";
import type { Lowering } from "./lowering.ts";
import { Reader } from "./reader.ts";

/**
 * Reads every property of a section and of those inside it for its names, types and bounds alone: what lowering never came
 * to, because the model or a stage is wrong, is checked all the same. What was read before is not reported twice.
 *
 * @param scope knows the names of stages without their values
 */
export function readRest(section: Section, scope: Scope, lowering: Lowering): void {
  const reader = new Reader(section, section.definition, scope, section.kind, lowering);
  for (const [name, { definition, value }] of section.settings) {
    // A condition is no value: whoever takes it reads it, whatever else is wrong.
    if (definition.type.kind !== "condition" && definition.type.kind !== "measure" && value.kind !== "error") {
      reader.value(name);
    }
  }
  for (const child of section.children) readRest(child, scope, lowering);
}

import { closest } from "../../grammar/closest.ts";
import type { Fix, Place } from "./diagnostic.ts";

export { closest, distance } from "../../grammar/closest.ts";

/** "did you mean x?", or the names there are when none is close. */
export function hint(name: string, known: readonly string[]): string {
  const meant = closest(name, known);
  if (meant !== undefined) return `did you mean ${meant}?`;
  if (known.length === 0) return "there are none";
  const shown = known.slice(0, 12).join(", ");
  return known.length > 12 ? `known are ${shown} …` : `known are ${shown}`;
}

/** The fix that writes the name which a misspelt one most likely means; none when none is close. */
export function renames(name: string, known: Iterable<string>, at: Place): Fix[] {
  const meant = closest(name, known);
  if (meant === undefined) return [];
  return [{ title: `${meant} instead of ${name}`, safety: "safe", edits: [{ ...at, text: meant }] }];
}

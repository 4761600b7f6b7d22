import type { Place } from "../diagnostics/diagnostic.ts";

/**
 * Where each value of the plan stands in the recipe, by JSON pointer (RFC 6901). A value that the recipe does not set has
 * no entry of its own; asking for its place gives that of the nearest value around it.
 */
export class Trace {
  readonly #places = new Map<string, Place>();

  /** @param whole what an unset value of the plan points to at last: the recipe */
  constructor(readonly whole: Place) {}

  set(pointer: string, place: Place | undefined): void {
    if (place) this.#places.set(pointer, place);
  }

  /** Forgets a value and everything in it. */
  forget(pointer: string): void {
    for (const key of this.#places.keys())
      if (key === pointer || key.startsWith(`${pointer}/`)) this.#places.delete(key);
  }

  /** Place of the value itself; undefined when the recipe does not set it. */
  exact(pointer: string): Place | undefined {
    return this.#places.get(pointer);
  }

  /** Place of the value or of what holds it; the recipe's beginning at last. */
  nearest(pointer: string): Place {
    for (let at = pointer; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
      const place = this.#places.get(at);
      if (place) return place;
    }
    return this.whole;
  }

  /** Every pointer with its place, in order of pointers. */
  entries(): [string, Place][] {
    return [...this.#places].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

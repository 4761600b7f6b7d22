import type { Value } from "../values/value.ts";

/** Expressions within one another, through whatever `let`s they use: as deep as any engine's call stack carries. */
const deepest = 1200;
/** Values in one list, map or call, those within its own included: `let`s that double a list double this. */
const largest = 100_000;

/** Unknown names that are compared with the known ones: whoever has more has another problem than their spelling. */
const mostSuggestions = 500;

/**
 * Keeps the evaluation of one recipe short, whatever it says.
 */
export class Limits {
  #depth = 0;
  #suggestions = 0;
  readonly #sizes = new WeakMap<Value, number>();

  /** One expression deeper; false when that is too deep. */
  enter(): boolean {
    return ++this.#depth <= deepest;
  }

  leave(): void {
    this.#depth--;
  }

  /** Whether one more unknown name is to be compared with the known ones. */
  suggest(): boolean {
    return this.#suggestions++ < mostSuggestions;
  }

  /** Notes a value that is made of others; false when it is too large. */
  fits(value: Value, parts: readonly (Value | undefined)[]): boolean {
    let size = 1;
    for (const part of parts) size += part ? (this.#sizes.get(part) ?? 1) : 1;
    this.#sizes.set(value, size);
    return size <= largest;
  }

  static readonly deepest = deepest;
  static readonly largest = largest;
}

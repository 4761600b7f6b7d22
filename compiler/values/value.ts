import type { Span } from "../../grammar/ast.ts";

/**
 * What a number measures. `number` is bare and takes on the other operand's unit in sums and comparisons; `ratio` is
 * `10%`; lengths and budgets are both `tokens`.
 */
export type Unit = "number" | "ratio" | "tokens" | "bytes" | "duration";

/** The result of an expression. */
export type Value =
  | { readonly kind: "number"; readonly value: number; readonly unit: Unit }
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "flag"; readonly value: boolean }
  /** A bare word that names nothing: a choice, a source or a stage, depending on who asks. */
  | { readonly kind: "word"; readonly name: string }
  | { readonly kind: "list"; readonly items: readonly Placed[] }
  | { readonly kind: "map"; readonly entries: readonly (Placed & { readonly key: string; readonly keyAt: Span })[] }
  /** A call of a name that is no function of numbers, such as `adamw(lr: 2e-5)`: checked by whoever takes it. */
  | Call
  /** Something with members: `model`, `previous`, a stage. */
  | { readonly kind: "record"; readonly name: string; readonly members: ReadonlyMap<string, Value> };

/** `adamw(lr: 2e-5)` with its arguments evaluated; undefined stands where an argument was wrong and reported. */
export interface Call {
  readonly kind: "call";
  readonly name: string;
  readonly at: Span;
  readonly arguments: readonly CallArgument[];
}

export interface CallArgument {
  readonly name: string | null;
  readonly nameAt: Span | null;
  readonly at: Span;
  readonly value: Value | undefined;
}

/** A value with the place of the expression that gave it. */
export interface Placed {
  readonly value: Value;
  readonly at: Span;
}

export type NumberValue = Extract<Value, { kind: "number" }>;

export function number(value: number, unit: Unit = "number"): NumberValue {
  return { kind: "number", value, unit };
}

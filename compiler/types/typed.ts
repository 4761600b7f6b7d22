import type { FunctionDefinition } from "../../grammar/definition.ts";
import type { Place } from "../diagnostics/diagnostic.ts";

/** A value that has been held against the type of the property it is for. */
export type Typed = number | string | boolean | readonly Typed[] | TypedMap | TypedCall;

/** `{ pajama: 90% }` with the places of its keys. */
export type TypedMap = ReadonlyMap<string, { readonly value: Typed; readonly at: Place; readonly keyAt: Place }>;

/** `adamw(lr: 2e-5)`: a function of the language's table, all its arguments checked and its defaults filled in. */
export interface TypedCall {
  readonly name: string;
  readonly definition: FunctionDefinition;
  readonly at: Place;
  /** Every parameter that has a value, given or by default. */
  readonly arguments: ReadonlyMap<string, TypedArgument>;
}

export interface TypedArgument {
  readonly value: Typed;
  /** Place of the argument; null when it is a default. */
  readonly at: Place | null;
}

export function isCall(value: Typed | undefined): value is TypedCall {
  return typeof value === "object" && "definition" in value;
}

/** An argument of a call as a number; undefined when it has none. */
export function numberArgument(call: TypedCall, name: string): number | undefined {
  const value = call.arguments.get(name)?.value;
  return typeof value === "number" ? value : undefined;
}

/** An argument of a call that is a list of numbers. */
export function numbersArgument(call: TypedCall, name: string): number[] | undefined {
  const value = call.arguments.get(name)?.value;
  return Array.isArray(value) ? value.filter((item) => typeof item === "number") : undefined;
}

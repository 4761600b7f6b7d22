/**
 * The words in which the language is defined. The interfaces beside this file are read as text by `generate.ts`
 * (nothing runs them), so these types only have to say what a value is:
 *
 * - an interface that extends `Block` is a block; its name in snake_case is the kind, `KvHeads` → `kv_heads`;
 * - one that extends `Settings<set>` is a function whose call is the value, `adamw(lr: 2e-5)`;
 * - one that extends `Gives<set, T>` is a function that gives a value of type T, `ntk(scale)`.
 *
 * Tags of a property: `@default` as a recipe would write it (or a sentence in parentheses), `@min` `@max` `@above` bounds,
 * `@group` (at most one of a group can be set), `@path` (the text names a `folder`, or files such as `*.json`), `@since`,
 * `@status planned`, `@deprecated`, `@example`, `@paper`, and `@choice name: meaning`. Of a block: `@label source|stage`, `@overrides kinds`. Of a function: `@formula`, `@variadic`, and
 * `@name` where it is not the interface's name. Of a variable: `@scope always|stage|named`.
 */

/** Positions or tokens: `64Ki`, `100M`. Whole. */
export type Tokens = number;
/** How many: `32`. Whole. */
export type Count = number;
/** Any number: `2e-5`, `500K`. */
export type Num = number;
/** A share: `10%`, `0.1`. */
export type Ratio = number;
/** `80GiB`. */
export type Bytes = number;
/** `2h`. */
export type Duration = number;
/** `"…"`. */
export type Text = string;
/** `true` or `false`. */
export type Flag = boolean;

/** `[a, b]`. */
export type List<T> = readonly T[];

/** `{ name: value }`. */
export interface MapOf<T, Keys extends string> {
  of: T;
  keys: Keys;
}

/** `4Ki..1Mi x2` or `0%..100% +10%`: both ends belong to it. */
export interface Range<T> {
  of: T;
}

/** Evaluated once for each stage; `Sees` names variables besides those of every formula. */
export interface Formula<T, Sees extends string = never> {
  of: T;
  sees: Sees;
}

/** A condition on the named variables. */
export interface Condition<Sees extends string> {
  sees: Sees;
}

/** A bare line that compares this name, `needle >= 95%`. */
export interface Measure<T, Operators extends string> {
  of: T;
  operators: Operators;
}

/** A call of a function of the set. */
export interface Call<Set extends string> {
  set: Set;
}

/** The name of a source or stage of this recipe. */
export interface Reference<To extends "source" | "stage"> {
  to: To;
}

/** A block in a block. */
export interface One<T> {
  block: T;
}

/** Blocks of one kind, each with a label. */
export interface Many<T> {
  block: T;
}

/** Members of a variable, `model.theta`. */
export interface Members<T> {
  members: T;
}

/** A block of properties and other blocks. */
export interface Block {
  readonly ""?: never;
}

export interface Settings<Set extends string> {
  readonly "": Set;
}

export interface Gives<Set extends string, T> {
  readonly "": [Set, T];
}
